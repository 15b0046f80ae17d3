//! The block's inputs as the product reads them, prepared once and shared by all cohorts of the block.
//!
//! Images are mostly background, and standardising a pixel turns its background into some constant. With `shift` the
//! most frequent value of each input, x = shift + x₀ where x₀ is mostly zero: the forward product runs over x₀ with
//! the bias b + shift·W, the gradient over x₀ with shift·Σδ added. Samples are grouped by `MR` so that the inputs
//! used by any of a group are few, and so are the inputs, for the gradient.
//!
//! Dense inputs are read where they lie; only the gradient has a copy, since it walks across rows.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::batch::SampleRows;
use super::cluster::{Sets, cluster};
use super::gathered::Gathered;
use super::simd::{Indices, Isa, Operand, ROWS, Rows};
use crate::block::{Block, Samples};

/// Share of the products that must remain for grouping to be worth its indices and uneven sums.
const DENSE_ABOVE: f64 = 0.75;
/// Share of inputs off the background up to which minibatches take samples one by one: a dense product does more
/// multiplications in a given time, since rows share what they load.
const ROWS_BELOW: f64 = 0.5;
/// Sets that grouping looks at for each member: keeps its time linear; more hardly find better ones.
const WINDOW: usize = 2048;

/// What the preparation depends on besides the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    /// Instruction set: fixes the inputs of a block.
    pub(super) isa: Isa,
    /// Samples in a tile.
    pub(super) tile: usize,
    /// Whether the gradient runs over the whole block.
    pub(super) gradient: bool,
    /// Whether sparse inputs are considered at all (tests turn it off).
    pub(super) sparse: bool,
}

/// A block's inputs, ready for the product.
#[derive(Debug)]
pub(super) struct Inputs {
    /// Training samples.
    pub(super) train: Set,
    /// Plain test samples.
    pub(super) test: TestSet,
    /// Input of each row of the first weight matrix.
    pub(super) order: Vec<u32>,
    /// Background of each row's input; `None`: dense.
    pub(super) shift: Option<Vec<f32>>,
    /// The gradient's view of the training samples; `None` unless the key asked for it.
    pub(super) columns: Option<Columns>,
    /// The training samples one by one, for minibatches of sparse inputs.
    pub(super) rows: Option<SampleRows>,
    /// Share of inputs off the background, and shares of products left: forward, gradient, test.
    pub(super) density: [f64; 4],
}

/// Test samples: all of them, or any selection.
#[derive(Debug)]
pub(super) struct TestSet {
    /// All of them.
    pub(super) set: Set,
    /// One by one, where they are sparse.
    pub(super) rows: Option<SampleRows>,
    /// Class of each sample.
    pub(super) labels: Vec<u16>,
    /// ‖x‖ of each sample, not rounded down.
    pub(super) lengths: Vec<f32>,
}

impl TestSet {
    /// Samples `x` of classes `y`.
    fn new(x: &[f32], y: &[u16], set: Set, rows: Option<SampleRows>) -> TestSet {
        let length = |x: &[f32]| x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt() as f32 * (1.0 + 1e-6);
        let inputs = x.len() / y.len().max(1);
        let lengths = x.chunks_exact(inputs.max(1)).map(length).collect();
        TestSet { set, rows, labels: y.to_vec(), lengths }
    }
}

/// Samples in the order in which the product takes them.
#[derive(Debug)]
pub(super) struct Set {
    /// Sample at each position.
    pub(super) order: Vec<u32>,
    /// Class at each position.
    pub(super) labels: Vec<u16>,
    /// Groups of samples in a tile.
    groups: usize,
    /// Inputs of a block: the product of a tile runs over one block of inputs after the other.
    block: usize,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// The rows of the memory itself; the last, incomplete group is a copy padded with zeros. `rows` are the weights'
    /// rows of the inputs, where they are not in order.
    Dense { tail: Vec<f32>, rows: Option<Indices> },
    /// For each tile, block and group: the block's inputs that the group uses, and `MR` values for each.
    Sparse { starts: Vec<usize>, inputs: Indices, values: Vec<f32> },
}

/// For each tile and each group of `MR` inputs: the samples of the tile that use any, and `MR` values for each.
#[derive(Debug)]
pub(super) struct Columns {
    starts: Vec<usize>,
    samples: Option<Indices>,
    values: Vec<f32>,
    groups: usize,
}

impl Columns {
    /// Left operand and rows of the gradient's product.
    #[inline(always)]
    pub(super) fn group<const MR: usize>(&self, tile: usize, group: usize) -> (Operand<'_>, Rows<'_>) {
        let at = tile * self.groups + group;
        let (first, last) = (self.starts[at], self.starts[at + 1]);
        let a = Operand { data: &self.values[first * MR..last * MR], row: 1, step: MR };
        match &self.samples {
            None => (a, Rows::All(last - first)),
            Some(samples) => (a, Rows::Listed(samples.range(first..last))),
        }
    }
}

impl Set {
    /// Samples as they lie, with `inputs` numbers each; `rows` are the weights' rows of the inputs, if not in order.
    fn dense(x: &[f32], y: &[u16], inputs: usize, key: Key, rows: Option<Indices>) -> Set {
        let mr = ROWS;
        let full = y.len() / mr * mr;
        let mut tail = x[full * inputs..y.len() * inputs].to_vec();
        tail.resize(mr * inputs, 0.0);
        let (order, labels) = ((0..y.len() as u32).collect(), y.to_vec());
        Set { order, labels, groups: key.tile / mr, block: key.block(inputs), form: Form::Dense { tail, rows } }
    }

    /// Number of samples.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Some of the set's dense samples, whose inputs were copied to `x` one after the other.
    pub(super) fn gathered<'a>(&'a self, x: &'a [f32]) -> Gathered<'a> {
        let rows = match &self.form {
            Form::Dense { rows, .. } => rows.as_ref(),
            Form::Sparse { .. } => None,
        };
        Gathered { x, rows, block: self.block }
    }

    /// Blocks that `inputs` inputs come in; the first is there even if there are none.
    pub(super) fn blocks(&self, inputs: usize) -> usize {
        inputs.div_ceil(self.block).max(1)
    }

    /// The forward product of a group over a block of the inputs: left operand, rows, and the row of the weights from which
    /// they count. `x` is the memory that the set was made from.
    #[inline(always)]
    pub(super) fn piece<'a, const MR: usize>(
        &'a self,
        x: &'a [f32],
        inputs: usize,
        [tile, block, group]: [usize; 3],
    ) -> (Operand<'a>, Rows<'a>, usize) {
        match &self.form {
            Form::Dense { tail, .. } => {
                let group = tile * self.groups + group;
                match (group + 1) * MR <= self.len() {
                    true => self.gathered(x).piece::<MR>(inputs, block, group),
                    false => self.gathered(tail).piece::<MR>(inputs, block, 0),
                }
            }
            Form::Sparse { starts, inputs: list, values } => {
                let at = (tile * self.blocks(inputs) + block) * self.groups + group;
                let (first, last) = (starts[at], starts[at + 1]);
                let a = Operand { data: &values[first * MR..last * MR], row: 1, step: MR };
                (a, Rows::Listed(list.range(first..last)), 0)
            }
        }
    }
}

impl Key {
    /// Inputs of a block, of `inputs` in all: as equal shares as may be.
    fn block(self, inputs: usize) -> usize {
        inputs.div_ceil(inputs.div_ceil(self.isa.inputs_at_once()).max(1)).max(1)
    }
}

impl Inputs {
    /// The block's inputs, prepared now or earlier.
    pub(super) fn of(block: &Arc<Block>, key: Key) -> Arc<Inputs> {
        type Entry = (Weak<Block>, Key, Arc<Inputs>);
        static PREPARED: Mutex<Vec<Entry>> = Mutex::new(Vec::new());
        // A weak reference keeps the address from being given to another block, so equal addresses are equal blocks.
        let mut prepared = PREPARED.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.retain(|(owner, ..)| owner.strong_count() > 0);
        let weak = Arc::downgrade(block);
        if let Some((.., inputs)) = prepared.iter().find(|(owner, other, _)| owner.ptr_eq(&weak) && *other == key) {
            return Arc::clone(inputs);
        }
        let inputs = Arc::new(Inputs::prepare(block, key));
        prepared.push((weak, key, Arc::clone(&inputs)));
        inputs
    }

    /// Prepares a block: sparse where that leaves few enough products, else dense.
    pub(super) fn prepare(block: &Block, key: Key) -> Inputs {
        let inputs = block.inputs();
        let dense = |density| Inputs::dense(block, key, density);
        if !key.sparse || inputs == 0 || inputs > usize::from(u16::MAX) || block.train.is_empty() {
            return dense([1.0; 4]);
        }
        let shift = background(&block.train, inputs);
        let train = used(&block.train, &shift);
        let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
        let ones = train.bits.iter().map(|word| word.count_ones() as usize).sum();
        let raw = share(ones, block.train.len() * inputs);
        if raw > DENSE_ABOVE {
            return dense([raw, 1.0, 1.0, 1.0]);
        }
        let mr = ROWS;
        let grouped = |sets: &Sets| cluster(key.isa, sets, mr, WINDOW);
        let (samples, order, test_used, test_samples) = std::thread::scope(|scope| {
            let test = scope.spawn(|| {
                let used = used(&block.test, &shift);
                let order = grouped(&used);
                (used, order)
            });
            let samples = grouped(&train);
            let order = if key.gradient {
                let mut users = Sets::empty(inputs, block.train.len());
                for (position, &sample) in samples.iter().enumerate() {
                    for input in train.union(&[sample]) {
                        users.insert(input, position);
                    }
                }
                grouped(&users)
            } else {
                (0..inputs as u32).collect()
            };
            let (test_used, test_samples) = test.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (samples, order, test_used, test_samples)
        });
        let mut row = vec![0u16; inputs];
        for (at, &input) in order.iter().enumerate() {
            row[input as usize] = at as u16;
        }
        let view = View { shift: &shift, row: &row, mr, key };
        let rows = (!key.gradient && raw <= ROWS_BELOW).then(|| SampleRows::of(&block.train, &shift, &order));
        let test = view.set(&block.test, &test_used, test_samples);
        // Where all of a run is full batches, few test samples are computed at a time.
        let tests = key.gradient.then(|| SampleRows::of(&block.test, &shift, &order));
        let columns = key.gradient.then(|| view.columns(&block.train, &train, &samples, &order, key.tile));
        let train = view.set(&block.train, &train, samples);
        let left = |set: &Set| match &set.form {
            Form::Sparse { inputs: list, .. } => share(list.len(), set.len().div_ceil(mr) * inputs),
            Form::Dense { .. } => 1.0,
        };
        let gradient = columns.as_ref().map_or(0.0, |columns| share(columns.values.len(), block.train.len() * inputs));
        let density = [raw, left(&train), gradient, left(&test)];
        if density[1].max(density[2]) > DENSE_ABOVE {
            return dense(density);
        }
        let test = TestSet::new(&block.test.x, &block.test.y, test, tests);
        let shift = order.iter().map(|&input| shift[input as usize]).collect();
        Inputs { train, test, order, shift: Some(shift), columns, rows, density }
    }

    fn dense(block: &Block, key: Key, density: [f64; 4]) -> Inputs {
        let (inputs, mr) = (block.inputs(), ROWS);
        let columns = key.gradient.then(|| {
            let groups = inputs.div_ceil(mr);
            let mut columns = Columns { starts: vec![0], samples: None, values: Vec::new(), groups };
            columns.values.reserve_exact(block.train.len() * groups * mr);
            for tile in block.train.x.chunks(key.tile * inputs.max(1)) {
                for group in 0..groups {
                    for x in tile.chunks_exact(inputs) {
                        let values = &x[group * mr..inputs.min((group + 1) * mr)];
                        columns.values.extend_from_slice(values);
                        columns.values.extend(std::iter::repeat_n(0.0, mr - values.len()));
                    }
                    columns.starts.push(columns.values.len() / mr);
                }
            }
            columns
        });
        let order = (0..inputs as u32).collect();
        let set = |samples: &Samples| Set::dense(&samples.x, &samples.y, inputs, key, None);
        let test = TestSet::new(&block.test.x, &block.test.y, set(&block.test), None);
        let train = set(&block.train);
        Inputs { train, test, order, shift: None, columns, rows: None, density }
    }

    /// A further test set, as it lies: its inputs have no background in common.
    pub(super) fn further(&self, x: &[f32], y: &[u16], key: Key) -> TestSet {
        let rows = self.shift.as_ref().map(|_| {
            let mut rows = vec![0; self.order.len()];
            for (row, &input) in self.order.iter().enumerate() {
                rows[input as usize] = row as u16;
            }
            Indices::new(rows, self.order.len())
        });
        TestSet::new(x, y, Set::dense(x, y, self.order.len(), key, rows), None)
    }

    /// What was chosen and why, for the log.
    pub(super) fn describe(&self) -> String {
        let percent = |share: f64| (100.0 * share).round();
        let [raw, forward, gradient, test] = self.density;
        match (&self.shift, &self.columns) {
            (Some(_), Some(_)) => format!(
                "sparse inputs ({}% off the background; {}% of products left forward, {}% backward, {}% in the test set)",
                percent(raw),
                percent(forward),
                percent(gradient),
                percent(test)
            ),
            (Some(_), None) => format!(
                "sparse inputs ({}% off the background; {}% of products left where measured, {}% in the test set), \
                 {} in minibatches",
                percent(raw),
                percent(forward),
                percent(test),
                if self.rows.is_some() { "sample by sample" } else { "dense" }
            ),
            (None, _) => format!("dense inputs ({}% off the background)", percent(raw)),
        }
    }
}

/// The most frequent value of each input, record by at most 1024 samples spread over the block.
fn background(samples: &Samples, inputs: usize) -> Vec<f32> {
    let stride = samples.len().div_ceil(1024);
    let mut values = Vec::new();
    (0..inputs)
        .map(|input| {
            values.clear();
            values.extend(samples.x.chunks_exact(inputs).step_by(stride).map(|x| x[input]));
            values.sort_unstable_by(f32::total_cmp);
            let most = values.chunk_by(|a, b| a == b).max_by_key(|run| run.len());
            most.map_or(0.0, |run| run[0])
        })
        .collect()
}

/// Which inputs of each sample are off the background.
fn used(samples: &Samples, shift: &[f32]) -> Sets {
    let mut sets = Sets::empty(samples.len(), shift.len());
    let words = sets.words;
    for (x, set) in samples.x.chunks_exact(shift.len()).zip(sets.bits.chunks_exact_mut(words)) {
        for (word, (x, shift)) in set.iter_mut().zip(x.chunks(64).zip(shift.chunks(64))) {
            for (bit, (x, shift)) in x.iter().zip(shift).enumerate() {
                *word |= u64::from(x != shift) << bit;
            }
        }
    }
    sets
}

/// Inputs that a group of samples uses, in the order of the weights' rows: row and input.
type Union = std::iter::Peekable<std::vec::IntoIter<(usize, usize)>>;

/// How samples become sparse sets.
struct View<'a> {
    shift: &'a [f32],
    row: &'a [u16],
    mr: usize,
    key: Key,
}

impl View<'_> {
    fn value(&self, samples: &Samples, sample: u32, input: usize) -> f32 {
        samples.x[sample as usize * self.shift.len() + input] - self.shift[input]
    }

    fn set(&self, samples: &Samples, used: &Sets, order: Vec<u32>) -> Set {
        let (mut starts, mut list, mut values) = (vec![0], Vec::new(), Vec::new());
        let (groups, block) = (self.key.tile / self.mr, self.key.block(self.row.len()));
        for tile in order.chunks(self.key.tile) {
            let mut left: Vec<(&[u32], Union)> = Vec::new();
            for group in tile.chunks(self.mr) {
                let rows = used.union(group).into_iter().map(|input| (usize::from(self.row[input]), input));
                let mut union: Vec<(usize, usize)> = rows.collect();
                union.sort_unstable();
                left.push((group, union.into_iter().peekable()));
            }
            for end in (0..self.row.len().max(1)).step_by(block).map(|first| first + block) {
                for (group, union) in &mut left {
                    while let Some((row, input)) = union.next_if(|&(row, _)| row < end) {
                        list.push(row as u16);
                        values.extend(group.iter().map(|&sample| self.value(samples, sample, input)));
                        values.extend(std::iter::repeat_n(0.0, self.mr - group.len()));
                    }
                    starts.push(list.len());
                }
                // A last tile of fewer groups keeps its place.
                starts.extend(std::iter::repeat_n(list.len(), groups - left.len()));
            }
        }
        let labels = order.iter().map(|&sample| samples.y[sample as usize]).collect();
        let form = Form::Sparse { starts, inputs: Indices::new(list, self.row.len()), values };
        Set { order, labels, groups, block, form }
    }

    fn columns(&self, samples: &Samples, used: &Sets, order: &[u32], inputs: &[u32], tile: usize) -> Columns {
        let groups = inputs.len().div_ceil(self.mr);
        let (mut starts, mut list, mut values) = (vec![0], Vec::new(), Vec::new());
        for tile in order.chunks(tile) {
            let mut users = Sets::empty(inputs.len(), tile.len());
            for (at, &sample) in tile.iter().enumerate() {
                for input in used.union(&[sample]) {
                    users.insert(input, at);
                }
            }
            for group in inputs.chunks(self.mr) {
                for at in users.union(group) {
                    list.push(at as u16);
                    values.extend(group.iter().map(|&input| self.value(samples, tile[at], input as usize)));
                    values.extend(std::iter::repeat_n(0.0, self.mr - group.len()));
                }
                starts.push(list.len());
            }
        }
        let below = tile.min(order.len());
        Columns { starts, samples: Some(Indices::new(list, below)), values, groups }
    }
}
