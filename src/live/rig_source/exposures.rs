//! The rig as a source of exposures.

use super::RigSource;
use crate::camera::{self, Value};
use crate::live::fact::Fact;
use crate::live::rig_camera::RigCamera;
use crate::live::{
    Control, ExposureSource, Next, Shape, SourceError, SourceReport, Transport, rig_facts,
};
use crate::sequence::replay::PlayState;
use crossbeam_channel::RecvTimeoutError;
use std::time::Duration;

impl ExposureSource for RigSource {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn shapes(&self) -> Vec<Shape> {
        Vec::new()
    }

    fn interval(&self) -> Duration {
        self.frames.interval()
    }

    fn next(&mut self, timeout: Duration) -> Result<Next, SourceError> {
        self.poll_cameras();
        match self.exposures.recv_timeout(timeout) {
            Ok(synced) => {
                self.handle.rig(&self.rig.state(), &self.filters, &self.controls);
                let contrast = self.handle.contrast().of(&synced);
                let moments = self.moments(&synced);
                let missing = self.exposures.take_missing();
                let frame = self.frames.build(synced, missing, moments, contrast);
                Ok(Next::Exposure(Box::new(frame)))
            }
            // The rig thread has dropped its sink: it has ended or panicked.
            Err(RecvTimeoutError::Disconnected) => {
                // A camera's stream states why it ended before the rig can end.
                self.poll_cameras();
                let failed = self.cameras.iter().any(|camera| camera.failed);
                Ok(match (self.rig.join(), self.fault().filter(|_| failed)) {
                    (Err(why), _) | (Ok(()), Some(why)) => Next::Failed(why),
                    (Ok(()), None) => Next::End,
                })
            }
            Err(RecvTimeoutError::Timeout) => match self.fault() {
                Some(why) if self.cameras.iter().any(|s| s.failed) => Ok(Next::Failed(why)),
                Some(why) => Err(SourceError(why)),
                None if self.cameras.iter().all(|s| s.ended) && self.rig.is_finished() => {
                    Ok(Next::End)
                }
                None => Ok(Next::Waiting),
            },
        }
    }

    fn fault(&self) -> Option<String> {
        let mut faults: Vec<String> = self.cameras.iter().filter_map(RigCamera::fault).collect();
        faults.extend(self.refused.clone());
        faults.extend(self.handle.alignment().fault());
        (!faults.is_empty()).then(|| faults.join("; "))
    }

    fn warnings(&self) -> Vec<String> {
        self.cameras.iter().flat_map(RigCamera::warnings).collect()
    }

    fn remarks(&self) -> Vec<String> {
        if !self.remarks.is_empty() {
            return self.remarks.clone();
        }
        let ended = self.cameras.iter().all(|camera| camera.ended);
        self.handle.contradiction(ended).into_iter().collect()
    }

    fn control(&mut self, control: Control) {
        if let Control::Set(name, value) = control {
            if let Some(set) = self.filters.set(&name, &value) {
                self.refused = set.err().map(|e| e.to_string());
                return self.list_controls();
            }
            let mut replies = self.cameras.iter().map(|s| s.set(&name, value.clone()));
            match replies.find_map(|answer| answer) {
                Some(true) => {}
                Some(false) => {
                    self.refused =
                        Some(format!("{name} was not set: too many requests are pending"));
                }
                None => self.refused = Some(format!("no camera has a control named {name}")),
            }
            return;
        }
        // Live cameras ignore these requests, because their time cannot be stopped.
        for camera in self.cameras.iter().filter(|s| s.is_playback()) {
            let commands = camera.commands();
            match control {
                Control::Pause(on) => commands.set("paused", Value::Bool(on)),
                Control::Step(count) => commands.set("step", Value::Int(count.into())),
                Control::Seek(to) => commands.set("position", Value::Float(to.clamp(0.0, 1.0))),
                Control::Speed(speed) => commands.set("speed", Value::Float(speed)),
                Control::Shape(_) | Control::Set(..) => true,
            };
        }
    }

    fn controls(&self) -> &[camera::Control] {
        &self.controls
    }

    fn report(&self) -> SourceReport {
        let state = self.rig.state();
        SourceReport {
            sync: Some(state.sync),
            buffer: Some(state.buffer),
            packets_queued: self.cameras.iter().map(RigCamera::waiting).sum(),
            exposures_queued: self.exposures.len(),
            lost: self.drops.snapshot(),
            real_time: self.simulation_rate().map(|p| p.real_time),
        }
    }

    fn transport(&self) -> Option<Transport> {
        let PlayState { position, paused, speed, .. } =
            self.cameras.iter().find_map(RigCamera::playing)?;
        Some(Transport { position, paused, speed })
    }

    fn facts(&self) -> Vec<Fact> {
        let mut facts = rig_facts::of_rig(&self.rig.state());
        // Small timer delays are not worth a message.
        if let Some(simulation_rate) = self.simulation_rate().filter(|p| p.real_time < 0.97) {
            facts.push(Fact::SlowSimulation { real_time: simulation_rate.real_time });
        }
        if self.cameras.len() > 1 {
            facts.push(Fact::Alignment(self.handle.alignment().status()));
        }
        facts.extend(
            self.cameras.iter().filter_map(RigCamera::playing).flat_map(rig_facts::of_play),
        );
        facts.extend(self.filters.facts());
        facts
    }
}
