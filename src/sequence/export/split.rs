//! How a dataset is divided and made.

/// How pairs are divided between `train/` and `test/`.
#[derive(Clone, Debug, PartialEq)]
pub enum Split {
    /// This fraction of the pairs of every sequence is for testing, selected by the seed.
    Pairs(f64),
    /// This fraction of the sequences is for testing, selected by the seed: no scene is in both.
    Sequences(f64),
    /// The sequences with these names are for testing.
    Named(Vec<String>),
}

/// How files are transferred into the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// Hard links, which need no space; copies where the file system has no hard links.
    Link,
    /// Copies.
    Copy,
}
