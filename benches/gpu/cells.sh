# The cells whose training errors at inversion are compared with frozen ones: arguments of `phasesweep run`. bundle.sh freezes
# them, run.sh trains them again on the device; the smaller set is that of QUICK=1. To be sourced.
quick_cells=(--set sweep.seeds.count=8 --set 'architecture.hidden=[20]' --set optimiser.lr=0.4 --set train.epochs=300)
mnist_cells=(--set sweep.seeds.count=8 --set optimiser.lr=0.2 --set train.epochs=500)
mnist_cells_small=("${mnist_cells[@]}" --set train.epochs=60)
