//! Plays a tape at its recorded speed, with pause, steps, seeks and loops.

use super::pace::Pace;
use super::tape::timeline::{ScheduledPacket, Tape, TapeError};
use super::{Monitor, ReplaySettings, UNPACED};
use crate::camera::{
    Control, ControlError, Device, DeviceError, FrameTiming, Identity, Packet, Value,
};
use crate::time::Timestamp;
use std::time::{Duration, Instant};

/// What is still sent while paused, and without waiting.
#[derive(Clone, Copy, Debug, PartialEq)]
enum SendAhead {
    None,
    /// Up to the next frame.
    Frame,
    /// Up to the events at this time in the camera's clock, in microseconds, which complete that
    /// frame.
    Events(i64),
}

pub(super) struct Player {
    path: String,
    model: String,
    tape: Box<dyn Tape>,
    settings: ReplaySettings,
    monitor: Monitor,
    paused: bool,
    over: bool,
    next: Option<ScheduledPacket>,
    pace: Pace,
    /// The frame that was sent last, or requested since.
    frame: Option<usize>,
    /// Epoch and end of the events that were sent, in the camera's clock.
    events_until: Option<(u32, i64)>,
    send_ahead: SendAhead,
    /// The recording should have frames, and none was sent yet.
    awaits_frame: bool,
}

impl Player {
    /// Plays the recording of this path and title. `frames`: frames of it are needed.
    pub(super) fn new(
        (path, model): (String, String),
        tape: Box<dyn Tape>,
        settings: ReplaySettings,
        frames: bool,
        monitor: Monitor,
    ) -> Self {
        let player = Self {
            path,
            model,
            tape,
            settings,
            monitor,
            paused: false,
            over: false,
            next: None,
            pace: Pace::default(),
            frame: None,
            events_until: None,
            send_ahead: SendAhead::None,
            awaits_frame: frames,
        };
        player.update_monitor();
        player
    }

    fn update_monitor(&self) {
        let timeline = self.tape.timeline();
        let mut state = self.monitor.lock();
        // Between the end of a loop and its first frame, the last frame is still shown.
        state.frame = self.frame.unwrap_or(state.frame);
        state.frames = timeline.starts_us.len();
        state.position = timeline.fraction(state.frame);
        state.duration_us = timeline.end_us;
        (state.paused, state.speed) = (self.paused, self.settings.speed);
        state.looped = self.settings.looped;
        if state.skipped.len() != self.tape.skipped().len() {
            state.skipped = self.tape.skipped().to_vec();
        }
        if state.warnings.len() != self.tape.warnings().len() {
            state.warnings = self.tape.warnings().to_vec();
        }
    }

    fn unusable(&self, e: TapeError) -> DeviceError {
        DeviceError::Unusable(format!("{}: {e}", self.path))
    }

    fn next(&mut self) -> Result<Option<ScheduledPacket>, DeviceError> {
        if let Some(held) = self.next.take() {
            return Ok(Some(held));
        }
        self.tape.next().map_err(|e| self.unusable(e))
    }

    /// Time until `t_us` of the recording is due.
    fn wait(&mut self, t_us: i64) -> Duration {
        if self.settings.speed >= UNPACED || self.send_ahead != SendAhead::None {
            return Duration::ZERO;
        }
        self.pace.wait(t_us, self.settings.speed, Instant::now())
    }

    /// Seeks to a frame, which is sent at once, even while paused.
    fn seek(&mut self, frame: usize) -> Result<(), DeviceError> {
        self.tape.seek(frame).map_err(|e| self.unusable(e))?;
        (self.next, self.pace, self.over) = (None, Pace::default(), false);
        (self.send_ahead, self.frame) = (SendAhead::Frame, Some(frame));
        self.events_until = None;
        Ok(())
    }

    /// Moves this many frames forward, or backward if negative; stops at the ends unless it loops.
    fn step(&mut self, count: i64) -> Result<(), DeviceError> {
        self.paused = true;
        let frames = self.tape.timeline().starts_us.len() as i64;
        if frames == 0 || count == 0 {
            return Ok(());
        }
        let here = self.frame.map_or(-1, |f| f as i64);
        let wanted = here.saturating_add(count);
        let to = if self.settings.looped {
            wanted.rem_euclid(frames)
        } else {
            wanted.clamp(0, frames - 1)
        };
        if to == here {
            return Ok(());
        }
        if to == here + 1 && self.send_ahead == SendAhead::None && !self.over {
            // The next frame anyway: playback continues without a seek.
            self.send_ahead = SendAhead::Frame;
            return Ok(());
        }
        self.seek(usize::try_from(to).unwrap_or(0))
    }

    /// Updates what remains to be sent after a packet.
    fn update_send_ahead(&mut self, packet: &Packet) {
        match packet {
            Packet::Events(p) => {
                let before = self.events_until.filter(|(epoch, _)| *epoch == p.epoch);
                let until_us = before.map_or(p.until.us(), |(_, us)| us.max(p.until.us()));
                self.events_until = Some((p.epoch, until_us));
                if matches!(self.send_ahead, SendAhead::Events(us) if until_us >= us) {
                    self.send_ahead = SendAhead::None;
                }
            }
            Packet::Frame(f) if self.send_ahead == SendAhead::Frame => {
                let FrameTiming::Events { end, .. } = f.timing else { return };
                let until = self.events_until.filter(|(epoch, _)| *epoch == f.epoch);
                let complete = until.is_some_and(|(_, us)| us >= end.us());
                self.send_ahead =
                    if complete { SendAhead::None } else { SendAhead::Events(end.us()) };
            }
            Packet::Frame(_) => {}
        }
    }

    /// Why a recording gave no frame although all of it was read.
    fn no_frame(&self) -> DeviceError {
        let skipped = self.tape.skipped().first().map(|(name, why)| {
            if self.path.ends_with(name.as_str()) { why.clone() } else { format!("{name}: {why}") }
        });
        // The newest warning is about the frames that were read last.
        let why = match skipped.or_else(|| self.tape.warnings().last().cloned()) {
            Some(reason) => format!("no frame of it can be used: {reason}"),
            None => "no frame of it can be read: it is damaged".to_owned(),
        };
        DeviceError::Unusable(format!("{}: {why}", self.path))
    }
}

impl Device for Player {
    fn identity(&self) -> Identity {
        Identity { model: self.model.clone(), ..Identity::default() }
    }

    fn controls(&self) -> Vec<Control> {
        let position = self.tape.timeline().fraction(self.frame.unwrap_or(0));
        vec![
            Control::switch("paused", "Pause", self.paused),
            Control::int("step", "Step (frames)", 0, (-1_000_000, 1_000_000)),
            Control::switch("loop", "Loop", self.settings.looped),
            Control::float("speed", "Speed", self.settings.speed, (0.1, UNPACED)),
            Control::float("position", "Position", position.min(1.0), (0.0, 1.0)),
        ]
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        self.pace = Pace::default();
        let result = match (name, value) {
            ("paused", Value::Bool(on)) => {
                self.paused = *on;
                Ok(())
            }
            ("step", Value::Int(count)) => self.step(*count),
            ("loop", Value::Bool(on)) => {
                self.settings.looped = *on;
                Ok(())
            }
            ("speed", Value::Float(speed)) => {
                self.settings.speed = *speed;
                Ok(())
            }
            ("position", Value::Float(fraction)) => {
                self.seek(self.tape.timeline().frame_at(*fraction))
            }
            _ => return Err(ControlError::Unknown(name.into())),
        };
        self.update_monitor();
        result.map_err(|_| ControlError::Refused(name.into()))
    }

    fn poll(&mut self, timeout: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        let started = Instant::now();
        while started.elapsed() < timeout {
            let held = self.paused && self.send_ahead == SendAhead::None;
            if held || (self.over && !self.settings.looped) {
                if self.over && self.settings.end {
                    return Err(DeviceError::Ended);
                }
                std::thread::sleep(timeout.saturating_sub(started.elapsed()));
                return Ok(());
            }
            if self.over {
                let send_ahead = self.send_ahead;
                self.seek(0)?;
                // A restart of the loop is not a seek: it is played at the normal speed.
                self.send_ahead = if self.paused { send_ahead } else { SendAhead::None };
                self.frame = None;
            }
            let Some(due) = self.next()? else {
                self.over = true;
                self.update_monitor();
                if self.awaits_frame {
                    return Err(self.no_frame());
                }
                // Nothing can complete the frame any more.
                if let SendAhead::Events(_) = self.send_ahead {
                    self.send_ahead = SendAhead::None;
                }
                if self.tape.timeline().starts_us.is_empty() && self.settings.looped {
                    // Without this sleep, a loop without frames would never pause.
                    std::thread::sleep(timeout.saturating_sub(started.elapsed()));
                }
                continue;
            };
            let left = timeout.saturating_sub(started.elapsed());
            let wait = self.wait(due.at_us);
            if wait > left {
                self.next = Some(due);
                std::thread::sleep(left);
                return Ok(());
            }
            std::thread::sleep(wait);
            let send_ahead = self.send_ahead;
            self.update_send_ahead(&due.packet);
            if send_ahead != SendAhead::None && self.send_ahead == SendAhead::None {
                self.pace = Pace::default();
            }
            if due.frame.is_some() {
                self.frame = due.frame;
                self.update_monitor();
            }
            if matches!(due.packet, Packet::Frame(_)) {
                self.awaits_frame = false;
            }
            out.push(arriving_now(due.packet));
            if out.len() >= 64 {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn arriving_now(mut packet: Packet) -> Packet {
    match &mut packet {
        Packet::Events(p) => p.arrived = Timestamp::now(),
        Packet::Frame(p) => p.arrived = Timestamp::now(),
    }
    packet
}
