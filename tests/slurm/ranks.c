/* Ranks that agree every tenth of a second whether one of them was told to stop; then all end with code 75.
 * Usage: ranks SECONDS. Proves that the test's cluster starts MPI across its nodes and passes signals on. */
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t told;
static void hear(int signal) { told = signal; }
static const char *of(const char *name) { const char *value = getenv(name); return value ? value : "-"; }

int main(int argc, char **argv) {
    signal(SIGUSR1, hear);
    signal(SIGTERM, hear);
    MPI_Init(&argc, &argv);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    printf("rank %d of %d on %s gpus %s\n", rank, size, of("SLURMD_NODENAME"), of("CUDA_VISIBLE_DEVICES"));
    fflush(stdout);
    for (int tenth = 0; tenth < 10 * (argc > 1 ? atoi(argv[1]) : 0); tenth++) {
        usleep(100000);
        int mine = told, any = 0;
        MPI_Allreduce(&mine, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
        if (any) {
            printf("rank %d stops for signal %d\n", rank, any);
            fflush(stdout);
            MPI_Finalize();
            return 75;
        }
    }
    MPI_Finalize();
    return 0;
}
