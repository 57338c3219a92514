//! Events that do not belong to their exposures: options, and messages of the commands that read
//! recordings.

use super::failure::Failure;
use gem_live::exposure::consistency::Finding;
use gem_live::sequence::{Repair, Repairs, check_recording};
use gem_live::time::{EventTimes, TimeUnit};
use std::collections::BTreeMap;
use std::path::Path;

/// Number of files with findings of one kind that are named; the others are counted.
const NAMED: usize = 5;

/// Events on another clock than the exposures, or in another unit.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(super) struct EventOptions {
    /// Unit of the events' times in the npz files: ns, us, ms or s [default: us].
    #[arg(long, value_name = "UNIT")]
    time_unit: Option<TimeUnit>,
    /// Microseconds to add to the events' times, if they are on another clock than the exposures.
    #[arg(long, value_name = "US", allow_negative_numbers = true)]
    time_offset: Option<i64>,
    /// Treat it as an error if events do not belong to the exposures or to the sensor: another clock
    /// or unit, no events, a wrong scale factor. By default there is a warning.
    #[arg(long)]
    pub(super) strict: bool,
}

impl EventOptions {
    /// How recorded times become microseconds.
    pub(super) fn times(self) -> EventTimes {
        EventTimes {
            unit: self.time_unit.unwrap_or_default(),
            offset_us: self.time_offset.unwrap_or(0),
        }
    }

    /// The options that were given, for [`super::common::without_effect`].
    pub(super) fn given(self) -> [(&'static str, bool); 2] {
        [("--time-unit", self.time_unit.is_some()), ("--time-offset", self.time_offset.is_some())]
    }

    /// Prints the findings in some files of a recording.
    ///
    /// # Errors
    /// With `--strict`, the first finding.
    pub(super) fn check_recording(self, path: &Path) -> Result<(), Failure> {
        let mut findings = Findings::new(self);
        for (file, finding) in check_recording(path, self.times()) {
            let warn = |line: &str| eprintln!("gem-live: {line}");
            findings
                .add(&file, &[finding], warn)
                .map_err(|e| format!("{}: {e}", file.display()))?;
        }
        Ok(())
    }
}

/// Collects the findings of a command.
pub(super) struct Findings {
    strict: bool,
    counts: BTreeMap<&'static str, usize>,
}

impl Findings {
    pub(super) fn new(options: EventOptions) -> Self {
        Self { strict: options.strict, counts: BTreeMap::new() }
    }

    /// Passes the findings of a file to `warn`, unless many of the kind were reported.
    ///
    /// # Errors
    /// With `--strict`, the first finding, without the name of the file.
    pub(super) fn add(
        &mut self,
        path: &Path,
        findings: &[Finding],
        warn: impl Fn(&str),
    ) -> Result<(), Failure> {
        for finding in findings {
            let count = self.counts.entry(finding.kind()).or_default();
            *count += 1;
            if self.strict {
                return Err(finding.to_string().into());
            }
            if *count <= NAMED {
                warn(&format!("{}: {finding}", path.display()));
            }
        }
        Ok(())
    }

    /// Checks what was repaired while a file was read, which is reported elsewhere.
    ///
    /// # Errors
    /// With `--strict`, so many events beyond the sensor that its size is doubtful.
    pub(super) fn check_repairs(&self, repairs: &Repairs) -> Result<(), Failure> {
        let mut doubtful = Repairs::default();
        doubtful.add(Repair::ManyOutside, repairs.count(Repair::ManyOutside));
        match self.strict && !doubtful.is_empty() {
            true => Err(doubtful.to_string().into()),
            false => Ok(()),
        }
    }

    /// One line per kind of which more were found than named.
    pub(super) fn print(&self) {
        for (kind, count) in self.counts.iter().filter(|(_, count)| **count > NAMED) {
            eprintln!("gem-live: {count} recordings {kind}, of which the first {NAMED} are named");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn many_events_beyond_the_sensor_are_an_error_if_strict() {
        let check = |strict, repair| {
            let mut repairs = Repairs::default();
            repairs.add(repair, 300);
            let options = EventOptions { strict, ..EventOptions::default() };
            Findings::new(options).check_repairs(&repairs)
        };
        let text = check(true, Repair::ManyOutside).unwrap_err().to_string();
        assert!(text.contains("300 events outside the sensor dropped: is the scale"), "{text}");
        assert!(check(false, Repair::ManyOutside).is_ok());
        assert!(check(true, Repair::Outside).is_ok());
    }
}
