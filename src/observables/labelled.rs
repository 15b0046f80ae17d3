//! The labels of some samples on a device, and which outputs are wrong about them.
//!
//! Invariant: no infinity and no NaN is made of finite outputs, since not every device's arithmetic knows these.

use burn::tensor::{Bool, Device, Tensor, TensorData};

/// Less than every output.
const LEAST: f32 = f32::MIN;

/// Which class is the label of each of some rows: flags `[1, class, row]`.
pub(super) struct Labelled {
    /// At the label.
    own: Tensor<3, Bool>,
    /// At the classes before it.
    lower: Tensor<3, Bool>,
    /// At the classes behind it.
    upper: Tensor<3, Bool>,
}

impl Labelled {
    /// Puts labels on a device.
    pub(super) fn new(device: &Device, labels: &[u16], classes: usize) -> Labelled {
        let flags = |is: fn(usize, usize) -> bool| {
            let flags = (0..classes).flat_map(|class| labels.iter().map(move |&label| is(class, usize::from(label))));
            let flags: Vec<f32> = flags.map(|flag| f32::from(u8::from(flag))).collect();
            let data = TensorData::new(flags, [1, classes, labels.len()]);
            Tensor::<3>::from_data(data, device).greater_elem(0.5)
        };
        Labelled {
            own: flags(|class, label| class == label),
            lower: flags(|class, label| class < label),
            upper: flags(|class, label| class > label),
        }
    }

    /// 1 at the label, else 0.
    pub(super) fn onehot(&self) -> Tensor<3> {
        self.own.clone().float()
    }

    /// The outputs `[replica, class, row]` of all classes but the label's, where there is a number less than any output.
    pub(super) fn others(&self, outputs: &Tensor<3>) -> Tensor<3> {
        outputs.clone().mask_fill(self.own.clone().expand(outputs.dims()), LEAST)
    }

    /// 1 for the rows whose greatest output, the first among equals, is not their label's, else 0: `[replica, 1, row]`.
    pub(super) fn wrong(&self, outputs: &Tensor<3>) -> Tensor<3> {
        let greatest = |classes: &Tensor<3, Bool>| {
            let elsewhere = classes.clone().bool_not().expand(outputs.dims());
            outputs.clone().mask_fill(elsewhere, LEAST).max_dim(1)
        };
        let own = greatest(&self.own);
        let before = greatest(&self.lower).greater_equal(own.clone()).float();
        let after = greatest(&self.upper).greater(own).float();
        before.max_pair(after)
    }
}
