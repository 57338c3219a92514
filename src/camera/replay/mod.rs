//! Recordings played as cameras: folders of MS-RBD pairs and AEDAT4 files.

mod tape;

use super::{
    Control, ControlError, Device, DeviceError, Drops, Identity, Opener, Packet, Value, Wanted,
};
use crate::time::Timestamp;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tape::Tape;

/// How a recording is played.
#[derive(Clone, Copy, Debug)]
pub struct ReplaySettings {
    /// Begin again at the end.
    pub looped: bool,
    /// Times as fast as it was recorded; from [`UNPACED`] on as fast as it can be read.
    pub speed: f64,
    /// End the source at the end, rather than stay there and wait for a seek.
    pub end: bool,
}

impl Default for ReplaySettings {
    fn default() -> Self {
        Self { looped: true, speed: 1.0, end: false }
    }
}

/// A speed that stands for no pace at all.
pub const UNPACED: f64 = 1e6;
/// A pause in the recording is shortened to this, in microseconds.
const LONGEST_PAUSE_US: i64 = 2_000_000;

/// Opens a recording.
#[derive(Clone, Debug)]
pub struct Replay {
    path: PathBuf,
    settings: ReplaySettings,
}

impl Replay {
    /// Of a file, or of a folder of npz files.
    pub fn new(path: impl Into<PathBuf>, settings: ReplaySettings) -> Self {
        Self { path: path.into(), settings }
    }
}

impl Opener for Replay {
    fn open(&self, wanted: &Wanted, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let name = self.path.display().to_string();
        let tape = tape::open(&self.path, wanted, drops)
            .map_err(|e| DeviceError::Fatal(format!("{name}: {e}")))?;
        let settings = self.settings;
        Ok(Box::new(Player {
            name,
            tape,
            settings,
            paused: false,
            over: false,
            next: None,
            pace: None,
            first_us: None,
            position_us: 0,
            step: Step::None,
        }))
    }
}

/// How far a single step has come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    None,
    /// To the next frame.
    Frame,
    /// To the events that complete it.
    Events(i64),
}

struct Player {
    name: String,
    tape: Box<dyn Tape>,
    settings: ReplaySettings,
    paused: bool,
    over: bool,
    next: Option<(i64, Packet)>,
    /// A moment, and the recording's time at it.
    pace: Option<(Instant, i64)>,
    first_us: Option<i64>,
    position_us: i64,
    step: Step,
}

impl Device for Player {
    fn identity(&self) -> Identity {
        Identity { model: format!("recording {}", self.name), ..Identity::default() }
    }

    fn controls(&self) -> Vec<Control> {
        vec![
            Control::switch("paused", "Pause", self.paused),
            Control::switch("step", "Step", false),
            Control::switch("loop", "Loop", self.settings.looped),
            Control::number("speed", "Speed", self.settings.speed, (0.1, UNPACED)),
            Control::whole("position_us", "Position (us)", self.position_us, (0, i64::MAX)),
        ]
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        self.pace = None;
        match (name, value) {
            ("paused", Value::Switch(on)) => self.paused = *on,
            ("step", Value::Switch(on)) => {
                self.paused = true;
                self.step = if *on { Step::Frame } else { Step::None };
            }
            ("loop", Value::Switch(on)) => self.settings.looped = *on,
            ("speed", Value::Number(speed)) => self.settings.speed = *speed,
            ("position_us", Value::Whole(us)) => {
                self.seek(*us).map_err(|_| ControlError::Refused(name.into()))?;
            }
            _ => return Err(ControlError::Unknown(name.into())),
        }
        Ok(())
    }

    fn poll(&mut self, patience: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        let started = Instant::now();
        while started.elapsed() < patience {
            let held = self.paused && self.step == Step::None;
            if held || (self.over && !self.settings.looped) {
                if self.over && self.settings.end {
                    return Err(DeviceError::Ended);
                }
                std::thread::sleep(patience.saturating_sub(started.elapsed()));
                return Ok(());
            }
            if self.over {
                self.seek(0)?;
            }
            let Some((t_us, packet)) = self.next()? else {
                self.over = true;
                continue;
            };
            let left = patience.saturating_sub(started.elapsed());
            let wait = self.wait(t_us);
            if wait > left {
                self.next = Some((t_us, packet));
                std::thread::sleep(left);
                return Ok(());
            }
            std::thread::sleep(wait);
            self.position_us = t_us - *self.first_us.get_or_insert(t_us);
            self.step = match (&packet, self.step) {
                (Packet::Frame(_), Step::Frame) => Step::Events(t_us),
                (Packet::Events(p), Step::Events(end_us)) if p.until.us() >= end_us => Step::None,
                (_, step) => step,
            };
            out.push(arriving_now(packet));
            if out.len() >= 64 {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Player {
    fn next(&mut self) -> Result<Option<(i64, Packet)>, DeviceError> {
        if let Some(held) = self.next.take() {
            return Ok(Some(held));
        }
        self.tape.next().map_err(|e| DeviceError::Fatal(format!("{}: {e}", self.name)))
    }

    /// How long until the recording has come to `t_us`.
    fn wait(&mut self, t_us: i64) -> Duration {
        if self.settings.speed >= UNPACED || self.step != Step::None {
            return Duration::ZERO;
        }
        let (since, from_us) = *self.pace.get_or_insert((Instant::now(), t_us));
        let due = (t_us - from_us) as f64 / self.settings.speed;
        let wait_us = due - since.elapsed().as_micros() as f64;
        if !(0.0..LONGEST_PAUSE_US as f64).contains(&wait_us) {
            // Too slow to keep up, or a pause: the pace begins anew.
            self.pace = Some((Instant::now(), t_us));
            return Duration::ZERO;
        }
        Duration::from_micros(wait_us as u64)
    }

    /// Goes to a time since the beginning.
    fn seek(&mut self, us: i64) -> Result<(), DeviceError> {
        let fatal = |name: &str, e: tape::TapeError| DeviceError::Fatal(format!("{name}: {e}"));
        self.tape.rewind().map_err(|e| fatal(&self.name, e))?;
        (self.next, self.pace, self.over) = (None, None, false);
        let mut first_us = self.first_us.filter(|_| us > 0);
        if us > 0 {
            self.next = loop {
                let found = self.tape.next().map_err(|e| fatal(&self.name, e))?;
                let Some((t_us, packet)) = found else {
                    self.over = true;
                    break None;
                };
                if t_us - *first_us.get_or_insert(t_us) >= us {
                    break Some((t_us, packet));
                }
            };
        }
        self.first_us = first_us;
        self.position_us = us;
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
