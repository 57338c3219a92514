//! Losses in words, per cause.

use gem_live::camera::{DropCause, DropSnapshot, DropUnit};

/// All losses in one line, such as `lost: 51300 events (malformed), 6 frames (camera)`.
pub(super) fn losses(lost: &[DropSnapshot]) -> String {
    if lost.is_empty() {
        return "nothing lost".to_owned();
    }
    format!("lost: {}", list(lost))
}

/// The losses without a heading.
pub(super) fn list(lost: &[DropSnapshot]) -> String {
    let one = |d: &DropSnapshot| {
        let unit = match d.unit {
            DropUnit::Frames => "frames",
            DropUnit::Events => "events",
            DropUnit::Gaps => "gaps of unknown length",
        };
        format!("{} {unit} ({})", d.count, cause(d.cause))
    };
    lost.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn cause(cause: DropCause) -> &'static str {
    match cause {
        DropCause::Usb => "between camera and computer",
        DropCause::Device => "by the camera, or its clock was reset",
        DropCause::Malformed => "malformed",
        DropCause::Queue => "the driver's queue was full",
        DropCause::Buffer => "the synchronisation buffer was full",
        DropCause::Late => "too late",
        DropCause::Duplicate => "sent twice",
        DropCause::Clock => "of another time than the exposures",
        DropCause::Skipped => "skipped by the restoration",
        DropCause::Disk => "the disk was too slow or full",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_named_by_cause() {
        assert_eq!(losses(&[]), "nothing lost");
        let lost = |cause, unit, count| DropSnapshot { cause, unit, count };
        let all = [
            lost(DropCause::Malformed, DropUnit::Events, 51_300),
            lost(DropCause::Disk, DropUnit::Frames, 2),
        ];
        let text = losses(&all);
        assert_eq!(
            text,
            "lost: 51300 events (malformed), 2 frames (the disk was too slow or full)"
        );
    }
}
