//! The status of a rig, and of the recording that it plays, as typed facts.

use super::STAGES;
use super::fact::Fact;
use crate::rig::RigState;
use crate::sequence::replay::PlayState;

/// The status of a rig.
pub(super) fn of_rig(state: &RigState) -> Vec<Fact> {
    let mut facts = vec![Fact::Synchronisation(state.sync)];
    // The noise filters report their own counts.
    let is_noise_filter = |name: &str| STAGES.contains(&name);
    let stages =
        state.preprocessed.stages.iter().filter(|s| s.events > 0 && !is_noise_filter(s.name));
    facts.extend(stages.map(|s| {
        let (name, events, removed) = (s.name, s.events, s.removed);
        Fact::Stage { name, events, removed }
    }));
    if let Some(aligned) = &state.preprocessed.aligned {
        facts.push(Fact::Outside { events: aligned.events, outside: aligned.outside });
        if aligned.size_mismatches > 0 {
            facts.push(Fact::NotAligned { packets: aligned.size_mismatches });
        }
    }
    facts
}

/// Playback position of a recording, and the parts of it that could not be read.
pub(super) fn of_play(state: PlayState) -> Vec<Fact> {
    let PlayState { frame, frames, duration_us, skipped, .. } = state;
    let skipped = skipped.into_iter().map(|(name, why)| Fact::SkippedFile { name, why });
    std::iter::once(Fact::Playing { frame, frames, duration_us }).chain(skipped).collect()
}
