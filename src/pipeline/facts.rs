//! What a rig tells about itself, in words.

use crate::camera::DropSnapshot;
use crate::rig::RigState;
use crate::rig::clock::SyncState;

/// Names and values for people.
pub(super) fn of_rig(state: &RigState) -> Vec<(&'static str, String)> {
    let mut facts = vec![("synchronised by", sync(&state.sync))];
    let filters = state.conditioned.stages.iter().filter(|s| s.events > 0);
    facts.extend(filters.map(|s| {
        let percent = 100.0 * s.removed as f64 / s.events as f64;
        ("filter", format!("{}: {percent:.1} % of events removed", s.name))
    }));
    facts
}

fn sync(state: &SyncState) -> String {
    match state {
        SyncState::OneClock => "one clock".to_owned(),
        SyncState::Edges { residual_us, drift_ppm, .. } => {
            format!("edges, residual {residual_us:.1} us, drift {drift_ppm:.1} ppm")
        }
        SyncState::Arrival { drift_ppm } => {
            format!("arrival times only, drift {drift_ppm:.1} ppm")
        }
        SyncState::Unknown => "not yet known".to_owned(),
    }
}

/// A counter in words, such as `12 events: usb`.
pub(super) fn lost(lost: &DropSnapshot) -> String {
    let word = |v: serde_json::Result<serde_json::Value>| {
        v.ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let (unit, cause) = (serde_json::to_value(lost.unit), serde_json::to_value(lost.cause));
    format!("{} {}: {}", lost.count, word(unit), word(cause))
}
