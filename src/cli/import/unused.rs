//! Options that the formats of the recordings do not use.

use crate::cli::common::without_effect;
use crate::cli::failure::Failure;
use gem_live::sequence::import::{ForeignFormat, ForeignSource};

/// The names of the formats that are accepted by `wanted`.
fn names(wanted: impl Fn(ForeignFormat) -> bool) -> String {
    let all = ForeignFormat::ALL.into_iter().filter(|format| wanted(*format));
    all.map(ForeignFormat::name).collect::<Vec<_>>().join(", ")
}

/// Refuses given options that none of the recordings uses, with the formats that do. Options that
/// only some of the recordings use are accepted, and the others are reported.
pub(super) fn refuse_unused(given: &[&str], sources: &[ForeignSource]) -> Result<(), Failure> {
    let is_found = |format: ForeignFormat| sources.iter().any(|s| s.format() == format);
    let unused = |option: &&&str| !sources.iter().any(|source| source.format().uses(option));
    let unused: Vec<String> = given
        .iter()
        .filter(unused)
        .map(|option| format!("{option} (for {})", names(|format| format.uses(option))))
        .collect();
    without_effect(&names(is_found), unused.iter().map(|option| (option.as_str(), true)))?;
    for format in ForeignFormat::ALL.into_iter().filter(|format| is_found(*format)) {
        let others: Vec<&str> = given.iter().copied().filter(|o| !format.uses(o)).collect();
        if !others.is_empty() {
            let (options, name) = (others.join(", "), format.name());
            eprintln!("gem-live: not used for {name}, only for other recordings: {options}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::Import;
    use clap::Args;

    #[test]
    fn every_option_is_in_the_table_of_the_formats_or_concerns_all_of_them() {
        // About the dataset, about all formats, and those that need --average.
        let common = ["into", "out", "event-offset-us", "sensor", "truths", "gap"];
        let command = Import::augment_args(clap::Command::new("import"));
        let mut listed = 0;
        for name in command.get_arguments().filter_map(clap::Arg::get_long) {
            let option = format!("--{name}");
            let used = ForeignFormat::ALL.into_iter().any(|format| format.uses(&option));
            assert!(used != common.contains(&name), "{option}");
            listed += usize::from(used);
        }
        assert_eq!(listed, 10);
    }
}
