//! The status of a rig as text for the user.

use super::STAGES;
use crate::rig::RigState;
use crate::rig::clock::SyncState;
use crate::sequence::replay::PlayState;

/// Status of a rig as names and values for the user.
pub(super) fn of_rig(state: &RigState) -> Vec<(&'static str, String)> {
    let mut facts = vec![("synchronised by", sync(&state.sync))];
    // The noise filters report their own counts.
    let is_noise_filter = |name: &str| STAGES.contains(&name);
    let filters =
        state.conditioned.stages.iter().filter(|s| s.events > 0 && !is_noise_filter(s.name));
    facts.extend(filters.map(|s| {
        let percent = 100.0 * s.removed as f64 / s.events as f64;
        ("filter", format!("{}: {percent:.1} % of events removed", s.name))
    }));
    if let Some(aligned) = &state.conditioned.aligned {
        let percent = 100.0 * aligned.outside as f64 / aligned.events.max(1) as f64;
        facts.push(("outside", format!("{percent:.1} % of events, not seen by the frame camera")));
        if aligned.unfit > 0 {
            let program = crate::program::command();
            let why = format!(
                "frames or events have another size than the alignment: run {program} align again"
            );
            facts.push(("not aligned", format!("{} packets: {why}", aligned.unfit)));
        }
    }
    facts
}

/// Playback position of a recording, and the parts of it that could not be read.
pub(super) fn of_play(state: PlayState) -> Vec<(&'static str, String)> {
    let seconds = state.duration_us as f64 / 1e6;
    let at = format!("frame {} of {}, {seconds:.1} s in all", state.frame + 1, state.frames);
    let skipped =
        state.skipped.into_iter().map(|(name, why)| ("skipped", format!("{name}: {why}")));
    std::iter::once(("playing", at)).chain(skipped).collect()
}

fn sync(state: &SyncState) -> String {
    match state {
        SyncState::OneClock => "one clock".to_owned(),
        SyncState::Edges { residual_us, drift_ppm, pulses } => {
            let lost = match pulses.lost + pulses.repaired {
                0 => String::new(),
                _ => format!(
                    ", {} pulses lost and {} repaired of {}",
                    pulses.lost,
                    pulses.repaired,
                    pulses.whole + pulses.repaired + pulses.lost
                ),
            };
            format!("edges, residual {residual_us:.1} us, drift {drift_ppm:.1} ppm{lost}")
        }
        SyncState::Content { residual_us, offset_us, drift_ppm } => format!(
            "arrival times and image content, residual {residual_us:.0} us, drift \
             {drift_ppm:.1} ppm (delay found: {:.1} ms)",
            offset_us / 1e3
        ),
        SyncState::Held { silent_s, drift_ppm } => format!(
            "the last edges, {silent_s:.0} s ago (is the cable still there?), drift \
             {drift_ppm:.1} ppm"
        ),
        SyncState::Arrival { residual_us, drift_ppm } => format!(
            "arrival times only, residual {residual_us:.0} us, drift {drift_ppm:.1} ppm, constant \
             delays unknown"
        ),
        SyncState::Unknown => "not yet known".to_owned(),
    }
}
