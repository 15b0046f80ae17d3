//! netCDF-4: the results file, which is one already, with its turning points as further variables.
//!
//! Invariant: what the results file holds is copied byte for byte; variables are only added.

use std::fs;
use std::path::Path;

use hdf5::types::VarLenUnicode;
use serde_json::Value;

use super::arrays::{self, Array, Data};
use super::scales;
use crate::error::{Error, Result};
use crate::results::Results;
use crate::turning::TurningPoints;

/// Writes `results.nc`; says what it holds.
pub(super) fn write(results: &Results, points: &TurningPoints, folder: &Path) -> Result<String> {
    let path = folder.join("results.nc");
    let temporary = folder.join("results.nc.part");
    let failed = |source| Error::Write { path: path.clone(), source };
    fs::copy(results.path(), &temporary).map_err(failed)?;
    let arrays = arrays::turning_points(results, points);
    add(&temporary, &arrays).map_err(|error| failed(std::io::Error::other(error.to_string())))?;
    fs::File::open(&temporary).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(&temporary, &path).map_err(failed)?;
    Ok(match arrays.is_empty() {
        true => "results.nc: as results.h5; there are no turning points of class manifolds to add".to_owned(),
        false => "results.nc: as results.h5, with the variables turning_*".to_owned(),
    })
}

fn add(path: &Path, arrays: &[Array]) -> hdf5::Result<()> {
    #[cfg_attr(not(hdf5_locking_is_settable), allow(unused_mut))]
    let mut options = hdf5::File::with_options();
    #[cfg(hdf5_locking_is_settable)]
    options.access_plist().file_locking(false);
    let file = options.open_rw(path)?;
    let dimensions = arrays.iter().flat_map(|array| &array.dimensions);
    let own: Vec<&String> = arrays.iter().map(|array| &array.name).collect();
    if let Some(absent) = dimensions.into_iter().find(|name| !own.contains(name) && file.dataset(name).is_err()) {
        let advice = "`phasesweep collect` with this version writes one that has it";
        return Err(format!("the results file has no dimension scale `{absent}`: {advice}").into());
    }
    let text = |value: &str| value.replace('\0', "\u{fffd}").parse::<VarLenUnicode>().unwrap_or_default();
    for array in arrays {
        let builder = || file.new_dataset_builder();
        let name = array.name.as_str();
        let shape = array.shape.as_slice();
        let dataset = match &array.data {
            Data::Text(values) => {
                let values: Vec<VarLenUnicode> = values.iter().map(|value| text(value)).collect();
                builder().with_data(&values).create(name)?
            }
            Data::Numbers(values) => {
                let dataset = file.new_dataset::<f64>().shape(shape).fill_value(f64::NAN).create(name)?;
                dataset.write_raw(values)?;
                dataset.new_attr::<f64>().create("_FillValue")?.write_scalar(&f64::NAN)?;
                dataset
            }
            Data::Codes(values) => {
                let dataset = file.new_dataset::<u8>().shape(shape).create(name)?;
                dataset.write_raw(values)?;
                dataset
            }
            // Neither is a turning point's.
            Data::Integers(_) | Data::OfFile(_) => continue,
        };
        for (attribute, value) in &array.attributes {
            match value {
                Value::Array(values) => {
                    let codes: Vec<u8> = values.iter().filter_map(Value::as_u64).map(|code| code as u8).collect();
                    dataset.new_attr_builder().with_data(&codes).create(*attribute)?;
                }
                other => {
                    let words = text(other.as_str().unwrap_or_default());
                    dataset.new_attr::<VarLenUnicode>().create(*attribute)?.write_scalar(&words)?;
                }
            }
        }
        match array.dimensions.as_slice() {
            [only] if only == name => scales::set(&dataset, name)?,
            several => {
                for (place, dimension) in several.iter().enumerate() {
                    scales::attach(&dataset, &file.dataset(dimension)?, place)?;
                }
            }
        }
    }
    Ok(())
}
