//! The stages on the rig thread.

use super::settings::STAGES;
use super::state::SharedState;
use crate::camera::EventPacket;
use crate::event::filter::{Activity, HotPixels, Refractory};
use crate::rig::EventStage;

/// Maximum number of hot pixels that are listed; a sensor with more has another fault.
const MAX_LISTED: usize = 4096;

/// The stages in the order in which events pass them: events of hot pixels must not support their
/// neighbours, and neither must repeated events of one pixel.
pub(super) fn stages(state: &SharedState) -> Vec<Box<dyn EventStage>> {
    vec![
        Box::new(HotStage { state: state.clone(), filter: HotPixels::default(), evaluation: 0 }),
        Box::new(RefractoryStage { state: state.clone(), filter: Refractory::default() }),
        Box::new(ActivityStage { state: state.clone(), filter: Activity::default() }),
    ]
}

struct HotStage {
    state: SharedState,
    filter: HotPixels,
    evaluation: u64,
}

impl EventStage for HotStage {
    fn name(&self) -> &'static str {
        STAGES[0]
    }

    fn apply(&mut self, packet: &mut EventPacket) {
        let (settings, forget, known) = {
            let mut state = self.state.lock();
            // Kept until the filter is on.
            let known = if state.report.settings.hot_pixels { state.known.take() } else { None };
            (state.report.settings, std::mem::take(&mut state.forget), known)
        };
        if let Some(known) = known {
            self.filter.reset();
            self.filter.start_with(known);
        }
        if forget {
            self.filter.reset();
        }
        if settings.hot_pixels {
            let before = packet.events.len();
            self.filter.apply(settings.hot, packet.sensor, packet.epoch, &mut packet.events);
            self.state.count(0, before, packet.events.len());
        }
        if self.evaluation != self.filter.evaluations() {
            self.evaluation = self.filter.evaluations();
            let list = self.filter.list();
            let list = list.get(..MAX_LISTED).unwrap_or(list);
            let mut state = self.state.lock();
            state.report.hot_pixels.clear();
            state.report.hot_pixels.extend_from_slice(list);
        }
    }
}

struct RefractoryStage {
    state: SharedState,
    filter: Refractory,
}

impl EventStage for RefractoryStage {
    fn name(&self) -> &'static str {
        STAGES[1]
    }

    fn apply(&mut self, packet: &mut EventPacket) {
        let s = self.state.lock().report.settings;
        if s.refractory {
            let (before, sensor, epoch) = (packet.events.len(), packet.sensor, packet.epoch);
            self.filter.apply(s.refractory_settings, sensor, epoch, &mut packet.events);
            self.state.count(1, before, packet.events.len());
        }
    }
}

struct ActivityStage {
    state: SharedState,
    filter: Activity,
}

impl EventStage for ActivityStage {
    fn name(&self) -> &'static str {
        STAGES[2]
    }

    fn apply(&mut self, packet: &mut EventPacket) {
        let s = self.state.lock().report.settings;
        if s.background_activity {
            let before = packet.events.len();
            self.filter.apply(s.activity, packet.sensor, packet.epoch, &mut packet.events);
            self.state.count(2, before, packet.events.len());
        }
    }
}
