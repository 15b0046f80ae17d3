# Each task of the array takes one of the sweeps named on the command line, in their order, whatever the first index is.
# What does not fit is refused in every task.
refuse() {
    echo "$*" >&2
    exit 2
}
first=${SLURM_ARRAY_TASK_MIN:?submit with --array=0-N}
step=${SLURM_ARRAY_TASK_STEP:-1}
[ "$step" -gt 0 ] || step=1
[ $(((SLURM_ARRAY_TASK_MAX - first) / step + 1)) -eq "$SLURM_ARRAY_TASK_COUNT" ] ||
    refuse "the indices of the array are not evenly spaced: write them as FIRST-LAST or FIRST-LAST:STEP"
[ "$SLURM_ARRAY_TASK_COUNT" -eq $# ] ||
    refuse "$# sweeps and $SLURM_ARRAY_TASK_COUNT tasks: name as many sweeps as the array has tasks"
same=$(for sweep in "$@"; do basename "$sweep" .toml; done | sort | uniq -d)
[ -z "$same" ] || refuse "several sweeps are called $same and would share a run directory: rename them"
SWEEPS=("$@")
SWEEP=${SWEEPS[(SLURM_ARRAY_TASK_ID - first) / step]}
