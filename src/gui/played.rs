//! A recording that was played to its end without a picture: says why none will come.

use super::describe;
use super::session::Session;
use crate::camera::DropSnapshot;

/// What is known of a source that has delivered no picture yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Played {
    /// Position of the playback when it was last looked at, as a fraction.
    position: f64,
    /// It was played once.
    whole: bool,
    lost: Vec<DropSnapshot>,
}

impl Played {
    /// Looks at the source; to be called while there is no picture of it.
    pub(super) fn look(&mut self, session: &Session) {
        let Some(transport) = session.transport() else { return };
        self.lost = session.report().lost;
        self.advance(transport.position, session.ended(), session.snapshot().captured);
    }

    fn advance(&mut self, position: f64, ended: bool, exposures: u64) {
        // A recording that loops jumps back.
        self.whole |= ended || position > 0.999 || position < self.position;
        self.whole &= exposures == 0;
        self.position = position;
    }

    /// Why there will be no picture; none if one may still come.
    pub(super) fn fault(&self) -> Option<String> {
        if !self.whole {
            return None;
        }
        let counts: Vec<String> = self.lost.iter().map(describe::drops).collect();
        let counts = match counts.is_empty() {
            true => "it has no frames with their exposure times and events".to_owned(),
            false => format!("dropped: {}", counts.join(", ")),
        };
        Some(format!("The recording was played to its end without a usable frame: {counts}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::{DropCause, DropUnit};

    #[test]
    fn a_recording_without_frames_is_reported_once_it_was_played() {
        let mut played = Played::default();
        for position in [0.1, 0.5, 0.9] {
            played.advance(position, false, 0);
            assert_eq!(played.fault(), None);
        }
        played.advance(0.05, false, 0);
        assert!(played.fault().unwrap().contains("without a usable frame: it has no frames"));
        let (cause, unit) = (DropCause::Malformed, DropUnit::Frames);
        played.lost = vec![DropSnapshot { cause, unit, count: 164 }];
        assert!(played.fault().unwrap().contains("dropped: 164 frames (malformed)"));
    }

    #[test]
    fn a_recording_whose_first_exposure_is_being_restored_is_not() {
        let mut played = Played::default();
        played.advance(1.0, false, 1);
        assert_eq!(played.fault(), None);
        played.advance(1.0, true, 0);
        assert!(played.fault().is_some());
    }
}
