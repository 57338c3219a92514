//! Names of the files that are written.

use std::collections::HashSet;
use std::path::Path;

/// Digits of an instant in the name of a file.
const DIGITS: std::ops::RangeInclusive<usize> = 3..=9;

/// The instants without repetitions, each with its text in the names of files:
/// three digits, or as many more as distinguish all of them. Instants that are closer than a
/// billionth get their number among the instants.
pub(super) fn instant_names(instants: &[f64]) -> Vec<(f64, String)> {
    let mut different: Vec<f64> = Vec::new();
    let mut seen = HashSet::new();
    // -0.0 and 0.0 are one instant.
    different.extend(instants.iter().map(|i| i + 0.0).filter(|i| seen.insert(i.to_bits())));
    let texts = |digits| different.iter().map(move |i| format!("{i:.digits$}"));
    let distinct = |digits: &usize| {
        let mut seen = HashSet::new();
        texts(*digits).all(|text| seen.insert(text))
    };
    let texts: Vec<String> = match DIGITS.into_iter().find(distinct) {
        Some(digits) => texts(digits).collect(),
        None => {
            let width = different.len().to_string().len();
            let numbered = |(n, text): (usize, String)| format!("{text}_{:0width$}", n + 1);
            texts(3).enumerate().map(numbered).collect()
        }
    };
    different.into_iter().zip(texts).collect()
}

/// The file's stem, made unique among `taken` by prepending its folders or appending a number.
/// Names that differ only in case are equal, as in the file systems of Windows and macOS.
pub(super) fn unique(path: &Path, taken: &mut HashSet<String>) -> String {
    let part = |p: &Path| p.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut name = part(path);
    for folder in path.ancestors().skip(1) {
        if !taken.contains(&name.to_lowercase()) {
            break;
        }
        if let Some(folder) = folder.file_name() {
            name = format!("{}_{name}", folder.to_string_lossy());
        }
    }
    let plain = name.clone();
    let mut number = 2;
    while taken.contains(&name.to_lowercase()) {
        name = format!("{plain}_{number}");
        number += 1;
    }
    taken.insert(name.to_lowercase());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_names_of_their_own() {
        let names = |instants: &[f64]| -> Vec<String> {
            instant_names(instants).into_iter().map(|(_, name)| name).collect()
        };
        assert_eq!(names(&[0.5, 0.25, 0.5]), ["0.500", "0.250"]);
        assert_eq!(names(&[0.5001, 0.5002, 0.5003]), ["0.5001", "0.5002", "0.5003"]);
        assert_eq!(names(&[0.5, 0.5 + 1e-12]), ["0.500_1", "0.500_2"]);
        for count in [1000, 3000, 65_535] {
            let instants: Vec<f64> =
                (0..count).map(|i| (f64::from(i) + 0.5) / f64::from(count)).collect();
            let different: HashSet<String> = names(&instants).into_iter().collect();
            assert_eq!(different.len(), instants.len());
        }
    }

    #[test]
    fn files_of_one_name_are_distinguished_by_their_folders() {
        let mut taken = HashSet::new();
        let mut name = |p: &str| unique(Path::new(p), &mut taken);
        assert_eq!(name("a/x.npz"), "x");
        assert_eq!(name("b/x.npz"), "b_x");
        assert_eq!(name("c/b/x.npz"), "c_b_x");
        assert_eq!(name("b/x.npz"), "b_x_2");
        assert_eq!(name("d/X.npz"), "d_X");
    }
}
