//! A flow's state as bytes, inside a checkpoint.
//!
//! Little-endian: time f64, step f64, rejected u64, stop u64 (all ones: it has not ended), then the parameters and each
//! array of the record, as length u64 and f64 each. Invariant: what is read equals what was written in every bit.

use phasesweep_results::FlowStop;

use crate::train::flow::{FlowRecord, FlowState, Quantity};

/// The state as bytes.
pub(super) fn encode(state: &FlowState) -> Vec<u8> {
    let FlowState { parameters, time, step, rejected, stop, record } = state;
    let mut bytes = Vec::new();
    for word in [time.to_bits(), step.to_bits(), *rejected, stop.map_or(u64::MAX, |stop| u64::from(stop.code()))] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    for values in std::iter::once(parameters).chain(&record.arrays) {
        bytes.extend_from_slice(&(values.len() as u64).to_le_bytes());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    bytes
}

/// The state behind bytes; `None` if they are not one.
pub(super) fn decode(bytes: &[u8]) -> Option<FlowState> {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
    let (time, step, rejected) = (f64::from_bits(words.next()?), f64::from_bits(words.next()?), words.next()?);
    let stop = match words.next()? {
        u64::MAX => None,
        code => Some(*FlowStop::ALL.iter().find(|stop| u64::from(stop.code()) == code)?),
    };
    let mut array = || {
        let length = usize::try_from(words.next()?).ok()?;
        let values: Vec<f64> = words.by_ref().take(length).map(f64::from_bits).collect();
        (values.len() == length).then_some(values)
    };
    let parameters = array()?;
    let arrays: Vec<Vec<f64>> = Quantity::ALL.iter().map(|_| array()).collect::<Option<_>>()?;
    (rest.is_empty() && words.next().is_none()).then_some(())?;
    Some(FlowState { parameters, time, step, rejected, stop, record: FlowRecord { arrays } })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn read_back_bit_for_bit() {
        let odd = f64::from_bits(0x7ff0_0000_0000_0001);
        let arrays: Vec<Vec<f64>> = (0..Quantity::ALL.len()).map(|k| vec![odd; k % 4]).collect();
        for stop in FlowStop::ALL.map(Some).into_iter().chain([None]) {
            let state = FlowState {
                parameters: vec![1.5, -0.0, odd],
                time: 0.1,
                step: 1e-9,
                rejected: 7,
                stop,
                record: FlowRecord { arrays: arrays.clone() },
            };
            let bytes = encode(&state);
            let read = decode(&bytes).unwrap();
            // NaNs are not equal; their bytes are.
            assert_eq!(encode(&read), bytes);
            assert_eq!((read.stop, read.rejected, read.time), (stop, 7, 0.1));
            assert!(decode(&bytes[..bytes.len() - 8]).is_none() && decode(&bytes[1..]).is_none());
            assert!(decode(&[bytes.as_slice(), &[0; 8]].concat()).is_none());
        }
    }
}
