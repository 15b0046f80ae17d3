# ---- Run it; pass signals on; requeue when it was interrupted --------------------------------------------------------
# phasesweep's exit codes: 0 complete, 1 complete with failed cells, 2 wrong input or a whole allocation without progress,
# 70 a bug, 75 interrupted and resumable. When a rank was killed, what it had finished is safe, and it is launched again in
# this allocation.
relaunches_left=${PHASESWEEP_RELAUNCHES:-20}
requeues_left=$((${PHASESWEEP_REQUEUES:-500} - ${SLURM_RESTART_COUNT:-0}))
take_over=""
asked=""
woken=""
child=""
say() { echo "[$(date +%FT%T)] job ${SLURM_JOB_ID:-none}: $*"; }
pass_on() {
    asked=$1
    woken=yes
    say "$1 received; asking the ranks to checkpoint and stop"
    # USR1 whatever came: srun and mpirun hand it to the ranks and leave them their time; at TERM mpirun kills after 1 s.
    [ -z "$child" ] || kill -s USR1 "$child" 2>/dev/null
}
trap 'pass_on USR1' USR1
trap 'pass_on TERM' TERM
trap 'pass_on INT' INT

# Run "$@" in the background, so that traps run at once, and leave its exit code in $code.
supervise() {
    "$@" &
    child=$!
    code=127
    while :; do
        # A trapped signal ends `wait` early: then wait again. 127: the child's code was already taken.
        woken=""
        wait "$child"
        local now=$?
        [ "$now" -eq 127 ] || code=$now
        [ -n "$woken" ] || break
    done
    child=""
}

# The last task of an array has the number of the whole array: only this name is the task's alone.
job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
job=${job:-${SLURM_JOB_ID:-}}
queue() { [ -z "$job" ] || squeue --noheader --jobs="$job" --format="$1"; }
state() { queue %T; }

# Slurm before 23.02 does not tell a job when it ends, and a job that was submitted from inside another one may have been
# told the other's end.
ends=$(queue %e)
case $ends in
????-??-??T*) SLURM_JOB_END_TIME=$(date --date="$ends" +%s) && export SLURM_JOB_END_TIME ;;
esac

say "on ${SLURM_JOB_NODELIST:-this machine}, restart ${SLURM_RESTART_COUNT:-0}${ends:+, until $ends}"
while :; do
    supervise launch
    lost=""
    case $code in
    0 | 1)
        # Launchers end with a 1 of their own when they lose a node; the files know better: 75 says cells are missing.
        launched=$code
        "$PHASESWEEP" collect "$OUT"
        code=$?
        [ "$code" -ne 75 ] || [ "$launched" -eq 0 ] || lost="the launcher gave up"
        ;;
    2 | 70 | 75 | 126 | 127) ;;
    *)
        # All ranks have ended with it: nobody is left who could still hold the run directory.
        lost="a rank was killed (exit code $code)"
        take_over=--take-over
        ;;
    esac
    [ -n "$lost" ] || break
    if [ -n "$asked" ] || [ "$(state)" != RUNNING ]; then
        # Killed while it was stopping or cancelled: its last checkpoints are there, as with code 75.
        code=75
        break
    fi
    if [ "$relaunches_left" -le 0 ]; then
        code=70
        break
    fi
    relaunches_left=$((relaunches_left - 1))
    say "$lost; launching again ($relaunches_left more times at most)"
done

case $code in
0 | 1)
{% if report %}
    "$PHASESWEEP" report "$OUT" || code=$?
{% endif %}
    say "complete, exit code $code"
    ;;
75)
    # Only a running job is requeued: a cancelled one (its state is COMPLETING by now) stays cancelled.
    if [ "$(state)" = RUNNING ] && [ "$requeues_left" -gt 0 ]; then
        say "interrupted; requeueing"
        scontrol requeue "$job" || say "could not be requeued: submit it again to go on"
    else
        say "interrupted and not requeued ($requeues_left requeues left): submit it again to go on"
    fi
    ;;
*) say "failed with exit code $code${lost:+: $lost}" ;;
esac
exit "$code"
