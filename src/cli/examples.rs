//! Examples of every subcommand, as `--help` ends with them. A test parses each of them, so that none names a flag that there is
//! not. What phasesweep-report does has its examples there.

pub(super) const RUN: &str = "\
Examples:
  phasesweep run sweeps/quick.toml                          on this machine, into runs/quick
  mpirun -n 4 phasesweep run sweeps/quick.toml              on four ranks
  phasesweep run sweeps/quick.toml --set sweep.seeds=8 --set 'optimiser.lr=[0.1,0.2]' --out runs/small
  phasesweep run runs/quick                                 go on with the run of a directory";

pub(super) const PLAN: &str = "\
Examples:
  phasesweep plan sweeps/stability.toml --ranks 64          cells, memory and the time to expect
  phasesweep plan sweeps/quick.toml --json                  the same for programs";

pub(super) const SUBMIT: &str = "\
Examples:
  phasesweep submit sweeps/stability.toml --nodes 4 --ntasks-per-node 16 --time 12:00:00 --dry-run
  phasesweep submit sweeps/stability.toml --nodes 4 --ntasks-per-node 16 --time 12:00:00 --report";

pub(super) const STATUS: &str = "\
Examples:
  phasesweep status runs/quick                              once
  phasesweep status runs/quick --watch --every 30           again and again, until nothing is left to do
  phasesweep status runs/quick --json                       for programs";

pub(super) const SHOW: &str = "\
Examples:
  phasesweep show runs/quick --cell 3fa2                    by how the cell's id begins
  phasesweep show runs/quick --cell 3fa2 --svg cell.svg     its trajectory as a picture
  phasesweep show runs/quick --cell 3fa2 --json             for programs, with every series of the trajectory";

pub(super) const SLICE: &str = "\
Examples:
  phasesweep slice runs/deep --cell 3fa2                    through three training samples, along training
  phasesweep slice runs/deep --cell 3fa2 --epochs 0,10,100 --samples 4,7,19 --out slices";

pub(super) const OBSERVE: &str = "\
Examples:
  phasesweep observe runs/deep --set 'sharpness={at={every=10}}' --dry-run
  mpirun -n 4 phasesweep observe runs/deep --set 'sharpness={at={every=10}}'
  phasesweep observe runs/deep                              go on with what was asked for before";

pub(super) const COLLECT: &str = "\
Examples:
  phasesweep collect runs/quick                             what is finished, into runs/quick/results.h5
  phasesweep collect runs/quick --json                      the counts for programs";

pub(super) const KEYS: &str = "\
Examples:
  phasesweep keys                                           every key of a sweep file
  phasesweep keys optimiser                                 those of one table
  phasesweep keys --schema > sweep.schema.json              for an editor";

pub(super) const DATA: &str = "\
Examples:
  phasesweep data list                                      what there is, and what is here
  phasesweep data fetch mnist fashion-mnist
  phasesweep data check sweeps/quick.toml --block 1500 --picture samples.png";

pub(super) const DOCTOR: &str = "\
Examples:
  phasesweep doctor                                         what this machine offers
  mpirun -n 2 phasesweep doctor                             where each rank is bound";

pub(super) const BENCH: &str = "\
Examples:
  phasesweep bench peak
  phasesweep bench dispatch --cells 100000";

pub(super) const COMPLETE: &str = "\
Examples:
  phasesweep complete bash > ~/.local/share/bash-completion/completions/phasesweep
  phasesweep complete man > phasesweep.1";
