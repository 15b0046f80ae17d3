{% if modules %}

command -v module >/dev/null || . /etc/profile
{% for module in modules %}
module load {{ module | sh }} || { echo "module load {{ module }} failed: see 'module avail'" >&2; exit 2; }
{% endfor %}
{% endif %}
{% for line in shell_lines %}
{{ line }}
{% endfor %}

PHASESWEEP={{ program | sh }}
SWEEP={{ sweep | sh }}
OUT={{ run_dir | sh }}

# Threads of each rank: what --cpus-per-task asks for, else an equal share of the job's cores on a node. Slurm lists nodes
# as in "64(x2),32": the smallest node and the one with most ranks decide. Where no number of tasks is asked for, Slurm
# counts a task for each core, and one is started{% if launcher != "srun" %} (mpirun starts all of them on several nodes){% endif %}.
sizes() { tr , '\n' <<<"$1" | sed 's/(.*//' | sort -n; }
CORES=$(sizes "${SLURM_JOB_CPUS_PER_NODE:-$(nproc)}" | head -n 1)
TASKS=1
if [ -n "${SLURM_NTASKS:-}" ]{% if launcher != "srun" %} || [ "${SLURM_JOB_NUM_NODES:-1}" -gt 1 ]{% endif %}; then
    TASKS=$(sizes "${SLURM_TASKS_PER_NODE:-1}" | tail -n 1)
fi
THREADS=${SLURM_CPUS_PER_TASK:-$((CORES > TASKS ? CORES / TASKS : 1))}
export OMP_NUM_THREADS=$THREADS RAYON_NUM_THREADS=$THREADS
{% if launcher == "srun" %}
# srun does not take --cpus-per-task over from sbatch by itself.
export SRUN_CPUS_PER_TASK=$THREADS
{% else %}
# mpirun starts its daemon on each node by srun: the ranks of the node can use no cores but the daemon's.
export SRUN_CPUS_PER_TASK=$CORES
{% endif %}
RUN=("$PHASESWEEP" run "$SWEEP" --out "$OUT" --device {{ device | sh }} --threads "$THREADS" --no-collect{{ run_flags }})
