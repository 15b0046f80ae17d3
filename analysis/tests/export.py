"""Opens what `phasesweep export` wrote by the readers that people have, and compares it with results.h5.

Called as `export.py FORMAT RESULTS FOLDER`. Every value is compared, to the bit where the format keeps bits.
"""

import json
import pathlib
import sys

import h5py
import numpy as np

SERIES = {"train_error": (), "test_error": (), "radius": (0,), "distance": (0, 0)}


def tables(results, folder, read):
    """Cells, turning points and trajectories, read into polars by `read`."""
    import polars as pl

    cells, points = read("cells"), read("turning_points")
    ids = list(results["cell_id"].asstr()[:])
    assert cells["cell_id"].to_list() == ids
    assert cells["status"].to_list() == list(results["status"].asstr()[:])
    assert cells["lr"].to_list() == list(results["lr"][:])
    found = points.filter(pl.col("status") == "found")
    assert 0 < found.height < points.height
    assert points.filter(pl.col("status") != "found")["epsilon_star"].is_null().all()
    epochs = results["epoch"][:].tolist()
    for row in found.sample(20, seed=1).iter_rows(named=True):
        star = results["train_error"][ids.index(row["cell_id"]), epochs.index(row["epoch"])]
        assert np.float32(row["epsilon_star"]) == star, row
        assert row["extremum"] == ("maximum" if row["observable"] == "distance" else "minimum")

    long, wide = read("trajectories_long"), read("trajectories_wide")
    # A cell that failed has no row; every other one of every epoch.
    alive = [i for i, status in enumerate(results["status"].asstr()[:]) if status != "failed"]
    assert wide.height == len(alive) * len(epochs)
    assert set(wide.columns) == {"cell_id", "epoch", "train_error", "test_error", "radius[0]", "radius[1]", "distance"}
    assert long.height == 5 * wide.height
    assert set(long["unit"].unique()) == {"epoch"}
    for cell in alive[:3]:
        of = wide.filter(pl.col("cell_id") == ids[cell]).sort("epoch")
        assert of["epoch"].to_list() == epochs
        for name, values in {
            "train_error": results["train_error"][cell],
            "radius[1]": results["radius"][cell, 0, 1],
            "distance": results["distance"][cell, 0, 0],
        }.items():
            assert np.array_equal(of[name].to_numpy().astype("f4"), values), name
            rows = long.filter((pl.col("cell_id") == ids[cell]) & (pl.col("series") == name)).sort("at")
            assert np.array_equal(rows["value"].to_numpy().astype("f4"), values), name


def arrays(results, data):
    """The arrays of an xarray Dataset."""
    assert list(data["cell_id"].values) == list(results["cell_id"].asstr()[:])
    assert list(data["optimiser"].values) == list(results["optimiser"].asstr()[:])
    assert "optimiser" in data.coords
    for name in ("train_error", "radius", "distance"):
        assert np.array_equal(data[name].values, results[name][:], equal_nan=True), name
        assert data[name].dtype == np.float32
    if "misclassified" in results:
        assert np.array_equal(data["misclassified"].values, results["misclassified"][:])
    assert list(data["epoch"].values) == list(results["epoch"][:])
    star = data["turning_epsilon_star"]
    assert star.dims == ("cell", "layer", "turning_observable", "turning_rule"), star.dims
    words = data["turning_status"].attrs["flag_meanings"].split()
    for cell in range(data.sizes["cell"]):
        one = {"turning_observable": "distance", "turning_rule": "prominence"}
        epoch = float(data["turning_epoch"].isel(cell=cell, layer=0).sel(one))
        status = words[int(data["turning_status"].isel(cell=cell, layer=0).sel(one))]
        assert (status == "found") == np.isfinite(epoch), (cell, status, epoch)
        if status == "found":
            assert np.float32(star.isel(cell=cell, layer=0).sel(one)) == results["train_error"][cell, int(epoch)]


def tensorboard(results, folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    ids = list(results["cell_id"].asstr()[:])
    files = sorted(folder.rglob("events.out.tfevents.*"))
    assert len(files) == len(ids)
    assert len({file.parent for file in files}) == len(ids), "a run is a folder"
    for file in files[:3]:
        cell = ids.index(file.name.rsplit(".", 1)[1])
        log = EventAccumulator(str(file), size_guidance={"scalars": 0, "tensors": 0})
        log.Reload()
        assert set(log.Tags()["scalars"]) == {
            "train_error", "test_error", "radius/class_0", "radius/class_1", "distance",
        }, log.Tags()
        events = log.Scalars("radius/class_1")
        assert [event.step for event in events] == results["epoch"][:].tolist()
        assert np.array_equal(np.float32([event.value for event in events]), results["radius"][cell, 0, 1])
        text = log.Tensors("specification")[0].tensor_proto.string_val[0].decode()
        assert f"| seed | {results['seed'][cell]} |" in text, text


def mlflow(results, folder):
    import os

    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=(folder / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("fixture")
    ids = list(results["cell_id"].asstr()[:])
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.info.run_id for run in runs) == sorted(ids)
    run = client.get_run(ids[0])
    assert run.data.params["optimiser"] == results["optimiser"].asstr()[0]
    assert run.info.status == "FINISHED" and client.get_run(ids[-1]).info.status == "FAILED"
    history = client.get_metric_history(ids[0], "radius/class_1")
    assert [point.step for point in history] == results["epoch"][:].tolist()
    assert np.array_equal(np.float32([point.value for point in history]), results["radius"][0, 0, 1])


def pdf(folder):
    from pypdf import PdfReader

    files = sorted(folder.glob("*.pdf"))
    assert files
    for file in files:
        page = PdfReader(file).pages[0]
        text = page.extract_text()
        assert any(letter.isalpha() for letter in text), f"{file} lost its text"


def main():
    kind, path, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    with h5py.File(path) as results:
        if kind in ("parquet", "csv"):
            import polars as pl

            read = {"parquet": pl.read_parquet, "csv": lambda file: pl.read_csv(file, infer_schema_length=None)}[kind]
            tables(results, folder, lambda name: read(folder / f"{name}.{kind}"))
        elif kind == "netcdf":
            import xarray as xr

            with xr.open_dataset(folder / "results.nc", engine="h5netcdf") as data:
                arrays(results, data.set_coords("optimiser"))
        elif kind == "zarr":
            import xarray as xr

            with xr.open_zarr(folder / "results.zarr", consolidated=True) as data:
                arrays(results, data)
                assert json.loads((folder / "results.zarr/.zmetadata").read_text())["metadata"]
        elif kind == "pdf":
            pdf(folder)
        else:
            {"tensorboard": tensorboard, "mlflow": mlflow}[kind](results, folder)
    print(f"{kind} was read")


main()
