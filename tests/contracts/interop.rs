//! Other programs read what is written: the real xarray, h5py and ncdump open a real results file.

use std::process::Command;

use crate::rig::{SMALL, expect_code, phasesweep, sweep_file, train};

/// Run by the Python of the readers' environment; prints what a user would see.
const READER: &str = r#"
import shutil, sys, numpy as np, h5py, xarray as xr
path = sys.argv[1]
data = xr.open_dataset(path, engine="h5netcdf")
assert data["train_error"].dims == ("cell", "epoch"), data["train_error"].dims
assert data["radius"].dims == ("cell", "layer", "class", "epoch"), data["radius"].dims
assert data["distance"].dims == ("cell", "layer", "pair", "epoch"), data["distance"].dims
assert data["misclassified"].dims == ("cell", "snapshot", "byte"), data["misclassified"].dims
assert data.sizes["cell"] == 12 and data.sizes["epoch"] == 121
assert list(data["epoch"].values[:3]) == [0, 1, 2]
for name in ("seed", "lr", "optimiser", "architecture", "status", "cell_id"):
    assert data[name].dims == ("cell",), name
assert set(np.round(data["lr"].values, 6)) == {0.2, 0.4}
assert set(data["status"].values) == {"complete"}
variants = set(data["variant"].values)
assert len(variants) == 2 and all(len(v) == 16 for v in variants), variants
assert set(data["optimiser"].values) == {"sgd lr=0.2", "sgd lr=0.4"}
assert list(data["lr"].where(data["optimiser"] == "sgd lr=0.4", drop=True).values) == [0.4] * 6
assert set(data["failure"].values) == {""} and len(set(data["cell_id"].values)) == 12
radius = data["radius"].where(data["lr"] == 0.2, drop=True).sel(layer=1)
assert radius.sizes["cell"] == 6 and bool(np.isfinite(radius).all())
assert data["train_error"].attrs["units"] == "1" and data["train_error"].attrs["long_name"]
assert "[sweep]" in data.attrs["sweep_file"]
with h5py.File(path) as file:
    errors = file["train_error"]
    assert [d[0].name for d in errors.dims] == ["/cell", "/epoch"] , [d[0].name for d in errors.dims]
    bits = np.unpackbits(file["misclassified"][0], axis=1)[:, :700]
    epochs = file["snapshot_epoch"][:]
    for row, epoch in zip(bits, epochs):
        at = list(file["epoch"][:]).index(epoch)
        assert abs(row.mean() - errors[0, at]) < 1e-6, (epoch, row.mean(), errors[0, at])
    assert list(file["optimiser"].asstr()[:]) == ["sgd lr=0.2"] * 6 + ["sgd lr=0.4"] * 6
    assert {len(text) for text in file["cell_id"].asstr()[:]} == {32}
data.load().close()
# Adding to a copy of the file, as xarray does it, writes the texts anew.
copy = path + ".copy.h5"
shutil.copy(path, copy)
data["doubled"] = 2 * data["train_error"]
data.to_netcdf(copy, mode="a", engine="h5netcdf")
with xr.open_dataset(copy, engine="h5netcdf") as added:
    assert "doubled" in added and list(added["optimiser"].values) == list(data["optimiser"].values)
print("read by xarray and h5py")
"#;

#[test]
fn results_open_with_xarray_h5py_and_ncdump() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    train(&mut phasesweep(), &sweep_file(dir.path(), SMALL), &out);
    let results = out.join("results.h5");

    let header = expect_code(Command::new("ncdump").arg("-h").arg(&results), 0);
    let header = String::from_utf8_lossy(&header.stdout).to_string();
    for line in
        ["cell = 12", "epoch = 121", "float train_error(cell, epoch)", "float radius(cell, layer, class, epoch)"]
    {
        assert!(header.contains(line), "ncdump -h lacks `{line}`:\n{header}");
    }

    let texts = expect_code(Command::new("ncdump").args(["-v", "optimiser,status,data,failure,text"]).arg(&results), 0);
    let texts = String::from_utf8_lossy(&texts.stdout).to_string();
    let labels = [r#"optimiser = "sgd lr=0.2", "sgd lr=0.2""#, r#"status = "complete""#, r#"data = "digits parity""#];
    for text in labels {
        assert!(texts.contains(text), "ncdump lacks `{text}`:\n{texts}");
    }

    let Ok(python) = std::env::var("PHASESWEEP_READERS") else {
        println!("skipped xarray and h5py: set PHASESWEEP_READERS to a Python that has them, as `make test` does");
        return;
    };
    expect_code(Command::new(python).args(["-c", READER]).arg(&results), 0);
}
