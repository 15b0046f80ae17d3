//! "Did you mean": the allowed word nearest to the one that was written.

/// Words of other programs, and what they are called here.
const SYNONYMS: &[(&str, &str)] = &[
    ("learning_rate", "lr"),
    ("learning-rate", "lr"),
    ("step_size", "lr"),
    ("eps", "epsilon"),
    ("wd", "weight_decay"),
    ("l2", "weight_decay"),
    ("betas", "beta1"),
    ("batch_size", "batch"),
    ("layers", "hidden"),
    ("width", "hidden"),
    ("widths", "hidden"),
    ("nonlinearity", "activation"),
    ("model", "architecture"),
    ("network", "architecture"),
    ("dataset", "data"),
    ("training", "train"),
    ("observables", "observe"),
    ("pruning", "prune"),
    ("cross_entropy", "cross-entropy"),
    ("ce", "cross-entropy"),
    ("mean-squared", "mse"),
    ("mean-squared-error", "mse"),
    ("dir", "path"),
    ("directory", "path"),
    ("colours", "channels"),
    ("colors", "channels"),
    ("length", "size"),
    ("steps", "epochs"),
    ("class", "label"),
    ("sigma", "noise"),
    ("fashionmnist", "fashion-mnist"),
    ("cifar", "cifar10"),
    ("convnet", "cnn"),
    ("dense", "mlp"),
];

/// The word of `allowed` that was likely meant by `written`, if any is near enough: a known synonym, or at most one
/// edit in three characters.
pub(crate) fn nearest<'a>(written: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    let written = plain(written);
    let synonym = SYNONYMS.iter().find(|(other, _)| plain(other) == written).map(|(_, ours)| *ours);
    if let Some(found) = allowed.iter().find(|word| Some(**word) == synonym) {
        return Some(found);
    }
    let near = |word: &&'a str| {
        let distance = edits(&written, &plain(word));
        (distance <= (written.chars().count().max(word.chars().count()) / 3).max(1)).then_some((distance, *word))
    };
    // A word of one or two letters is one edit from every other such word: nothing is known of what was meant.
    let candidates = allowed.iter().filter(|word| word.len() > 2 || plain(word) == written);
    candidates.filter_map(near).min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let substitute = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitute.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted_with_swaps_as_one() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("momentum", "momentmu"), 1);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("größe", "große"), 1);
    }

    #[test]
    fn near_words_and_synonyms_are_suggested_and_far_ones_are_not() {
        let keys = ["kind", "lr", "momentum", "weight_decay"];
        assert_eq!(nearest("momentun", &keys), Some("momentum"));
        assert_eq!(nearest("Weight-Decay", &keys), Some("weight_decay"));
        assert_eq!(nearest("learning_rate", &keys), Some("lr"));
        assert_eq!(nearest("LR", &keys), Some("lr"));
        assert_eq!(nearest("colour", &keys), None);
        assert_eq!(nearest("optimizer", &["data", "optimiser"]), Some("optimiser"));
        // A synonym is suggested only where it is allowed.
        assert_eq!(nearest("learning_rate", &["epochs", "loss"]), None);
    }

    #[test]
    fn synonyms_are_not_words_of_ours() {
        for (other, ours) in SYNONYMS {
            assert_ne!(other, ours);
        }
    }
}
