//! Whether an optimiser takes its rule's own steps, as its label tells.

/// Whether the label names nothing beside the rule and its numbers: no schedule of the learning rate, no clipping, no SAM. A
/// label always names what is not plain; of a rate that does not change it may say "constant".
pub fn is_plain(optimiser: &str) -> bool {
    const NUMBERS: [&str; 7] = ["lr", "momentum", "beta1", "beta2", "epsilon", "alpha", "wd"];
    optimiser
        .split_whitespace()
        .skip(1)
        .all(|word| word == "constant" || word.split_once('=').is_some_and(|(name, _)| NUMBERS.contains(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_with_every_rule_is_not_plain() {
        for plain in ["sgd", "sgd lr=0.1", "nesterov lr=0.1 momentum=0.9 wd=0.01", "sgd lr=0.1 constant"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in ["sgd lr=0.1 cosine", "sgd lr=0.1 warmup=10", "adam lr=0.1 clip=1", "sgd lr=0.1 sam=0.05"] {
            assert!(!is_plain(other), "{other}");
        }
    }
}
