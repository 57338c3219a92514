//! Reports of the pipeline as words for people.

use super::text_format::thousands;
use crate::camera::{DropCause, DropSnapshot, DropUnit};

/// Name of the cause of a drop, for a row of the statistics.
pub(crate) fn cause(cause: DropCause) -> &'static str {
    match cause {
        DropCause::Usb => "USB or network",
        DropCause::Device => "Camera",
        DropCause::Malformed => "Malformed",
        DropCause::Queue => "Driver queue full",
        DropCause::Buffer => "Sync buffer full",
        DropCause::Late => "Late",
        DropCause::Duplicate => "Duplicate",
        DropCause::Clock => "No timestamp",
        DropCause::Skipped => "Pipeline behind",
        DropCause::Disk => "Disk too slow",
    }
}

/// Name of what was dropped, in plural.
pub(crate) fn unit(unit: DropUnit) -> &'static str {
    match unit {
        DropUnit::Frames => "frames",
        DropUnit::Events => "events",
        DropUnit::Gaps => "gaps",
    }
}

/// Drops as a phrase: 164 frames (malformed).
pub(crate) fn drops(drops: &DropSnapshot) -> String {
    let cause = cause(drops.cause);
    // An abbreviation stays in capitals.
    let cause = if cause.starts_with("USB") { cause.to_owned() } else { cause.to_lowercase() };
    format!("{} {} ({cause})", thousands(drops.count), unit(drops.unit))
}
