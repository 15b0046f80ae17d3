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

# Threads of each rank: the cores that Slurm gives it. srun does not take --cpus-per-task over from sbatch by itself.
THREADS=${SLURM_CPUS_PER_TASK:-1}
export OMP_NUM_THREADS=$THREADS RAYON_NUM_THREADS=$THREADS SRUN_CPUS_PER_TASK=$THREADS
RUN=("$PHASESWEEP" run "$SWEEP" --out "$OUT" --device {{ device | sh }} --threads "$THREADS" --no-collect{{ run_flags }})
