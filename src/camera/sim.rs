//! The simulated rig as a camera: frames and events of one moving scene, in real time, on
//! clocks that disagree as those of two cameras do.

use super::{
    Control, ControlError, Device, DeviceError, Drops, Edge, EdgeKind, EventPacket, FramePacket,
    FrameSpan, Identity, Opener, Packet, Value, Wanted,
};
use crate::event::Event;
use crate::frame::Size;
use crate::simulate::rig::{Jitter, Period, RigModel, RigWorld};
use crate::time::Timestamp;
use std::collections::VecDeque;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Pieces that the events of a period come in.
const PIECES: i64 = 4;
/// From the shutter's closing until a frame is read out.
const READOUT_US: i64 = 5_000;
/// Mean delay of a transfer over USB, in microseconds.
const JITTER_US: f64 = 2_000.0;

/// Sizes of frames and of the event sensor, written as `288x192` or `1152x768/288x192`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Of the frames.
    pub image: Size,
    /// Of the event sensor.
    pub sensor: Size,
}

impl Sizes {
    /// From this width on the event sensor has a quarter of the frames' resolution, as in the
    /// rig of MS-RBD (1152x768 and 288x192); below it half.
    const QUARTER_FROM: usize = 1024;

    /// Frames of this size, and an event sensor as would be found beside them.
    pub fn of(image: Size) -> Self {
        let factor = if image.width >= Self::QUARTER_FROM { 4 } else { 2 };
        let part = |n: usize| n.div_ceil(factor).max(1);
        Self { image, sensor: Size::new(part(image.width), part(image.height)) }
    }
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = |text: &str, least: usize| {
            let sides = text.split_once('x');
            let sides = sides.and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
            match sides {
                Some((w, h)) if [w, h].iter().all(|n| (least..=4096).contains(n)) => {
                    Ok(Size::new(w, h))
                }
                _ => Err(format!(
                    "{text}: a size is written as 288x192, with sides of {least} to 4096"
                )),
            }
        };
        match text.split_once('/') {
            None => Ok(Self::of(size(text, 32)?)),
            Some((image, sensor)) => Ok(Self { image: size(image, 32)?, sensor: size(sensor, 8)? }),
        }
    }
}

impl std::fmt::Display for Sizes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { image, sensor } = self;
        match *self == Self::of(*image) {
            true => write!(f, "{image}"),
            false => write!(f, "{image}/{sensor}"),
        }
    }
}

/// Which simulated rig: `288x192`, `1152x768/288x192` or `288x192,seed=7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimName {
    /// Of frames and events.
    pub sizes: Sizes,
    /// Decides the scene, the motion and all noise.
    pub seed: u64,
}

impl SimName {
    /// The seed where none is named.
    const SEED: u64 = 1;

    /// What a laptop renders and restores at the same time.
    pub fn small() -> Self {
        Self { sizes: Sizes::of(Size::new(288, 192)), seed: Self::SEED }
    }

    /// The rig that is named.
    pub fn model(&self) -> RigModel {
        let Sizes { image, sensor } = self.sizes;
        RigModel { sensor, ..RigModel::new(image, self.seed) }
    }
}

impl FromStr for SimName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sizes, options) = match text.split_once(',') {
            Some((sizes, options)) => (sizes, Some(options)),
            None => (text, None),
        };
        let seed = match options {
            None => Self::SEED,
            Some(options) => {
                let digits = options.strip_prefix("seed=").and_then(|n| n.parse().ok());
                digits.ok_or_else(|| format!("{options}: a seed is written as seed=7"))?
            }
        };
        Ok(Self { sizes: sizes.parse()?, seed })
    }
}

impl std::fmt::Display for SimName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.sizes)?;
        match self.seed {
            Self::SEED => Ok(()),
            seed => write!(f, ",seed={seed}"),
        }
    }
}

/// Opens a simulated rig; it is always there.
#[derive(Clone, Copy, Debug)]
pub struct Sim {
    model: RigModel,
    cable: bool,
}

impl Sim {
    /// A rig of this model; with a cable, the event stream tells every exposure by two edges.
    pub fn new(model: RigModel, cable: bool) -> Self {
        Self { model, cable }
    }
}

impl Opener for Sim {
    fn open(&self, wanted: &Wanted, _: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let world = RigWorld::new(self.model).map_err(|e| DeviceError::Fatal(e.to_string()))?;
        Ok(Box::new(Camera {
            world,
            cable: self.cable,
            epoch: wanted.next_epoch(),
            jitter: Jitter::new(self.model.seed, JITTER_US),
            begin: Instant::now(),
            queue: VecDeque::new(),
        }))
    }
}

struct Camera {
    world: RigWorld,
    cable: bool,
    epoch: u32,
    jitter: Jitter,
    /// When the next period begins.
    begin: Instant,
    /// What is on its way to the computer, and when it arrives.
    queue: VecDeque<(Instant, Packet)>,
}

impl Device for Camera {
    fn identity(&self) -> Identity {
        let model = self.world.model();
        Identity {
            model: format!("simulated rig {}", model.image),
            serial: format!("{:08}", model.seed),
            firmware: String::new(),
        }
    }

    fn controls(&self) -> Vec<Control> {
        let model = self.world.model();
        let most = model.period_us - 10_000;
        vec![
            Control::whole("exposure_us", "Exposure (us)", model.exposure_us, (1_000, most)),
            Control::number("speed", "Speed of the scene", model.speed, (0.0, 4.0)),
            Control::switch("cable", "Synchronisation cable", self.cable),
        ]
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        let (exposure_us, speed) = (self.world.model().exposure_us, self.world.model().speed);
        match (name, value) {
            ("exposure_us", Value::Whole(us)) => self.world.set(*us, speed),
            ("speed", Value::Number(speed)) => self.world.set(exposure_us, *speed),
            ("cable", Value::Switch(on)) => self.cable = *on,
            _ => return Err(ControlError::Unknown(name.into())),
        }
        Ok(())
    }

    fn poll(&mut self, patience: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        if self.queue.is_empty() {
            // A computer too slow for the scene lets the world run slower; nothing piles up.
            let begin = self.begin.max(Instant::now());
            let period = self.world.period().map_err(|e| DeviceError::Fatal(e.to_string()))?;
            self.begin = begin + micros(period.next_us - period.start_us);
            self.send(begin, period);
        }
        let Some((due, _)) = self.queue.front() else { return Ok(()) };
        std::thread::sleep(due.saturating_duration_since(Instant::now()).min(patience));
        let now = Instant::now();
        while self.queue.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, mut packet)) = self.queue.pop_front() {
                match &mut packet {
                    Packet::Events(p) => p.arrived = Timestamp::now(),
                    Packet::Frame(f) => f.arrived = Timestamp::now(),
                }
                out.push(packet);
            }
        }
        Ok(())
    }
}

fn micros(us: i64) -> Duration {
    Duration::from_micros(us.max(0).unsigned_abs())
}

impl Camera {
    /// Sends what happened in a period that begins at a moment.
    fn send(&mut self, begin: Instant, period: Period) {
        let model = self.world.model();
        let Period { number, start_us, end_us, next_us, frame, truth, events } = period;
        let arrived = Timestamp::now();
        // Moments of true time at which things leave the cameras.
        let mut sent: Vec<(i64, Packet)> = Vec::new();
        let mut rest = events.as_slice();
        for piece in 0..PIECES {
            let bound = |k: i64| start_us + (next_us - start_us) * k / PIECES;
            let (from_us, until_us) = (bound(piece), bound(piece + 1));
            let count = rest.partition_point(|e| e.t_us < until_us);
            let (now, later) = rest.split_at(count);
            rest = later;
            let (from, until) = (model.event_us(from_us), model.event_us(until_us));
            // Rounding down can move an event to the end of its piece when the clock is slow.
            let told =
                |e: &Event| Event { t_us: model.event_us(e.t_us).clamp(from, until - 1), ..*e };
            let edge = |(t, kind): (i64, EdgeKind)| {
                let here = self.cable && (from_us..until_us).contains(&t);
                here.then(|| Edge { t: Timestamp::from_us(model.event_us(t)), kind })
            };
            let edges = [(start_us, EdgeKind::Rising), (end_us, EdgeKind::Falling)];
            let packet = Packet::Events(EventPacket {
                epoch: self.epoch,
                from: Timestamp::from_us(from),
                until: Timestamp::from_us(until),
                arrived,
                events: now.iter().map(told).collect(),
                edges: edges.into_iter().filter_map(edge).collect(),
                sensor: model.sensor,
            });
            sent.push((until_us, packet));
        }
        let packet = Packet::Frame(FramePacket {
            epoch: self.epoch,
            sequence: number,
            span: FrameSpan::Frames {
                start: Timestamp::from_us(model.frame_us(start_us)),
                exposure_us: end_us - start_us,
            },
            arrived,
            picture: frame,
            truth: Some(truth),
        });
        sent.push((end_us + READOUT_US, packet));
        sent.sort_by_key(|(us, _)| *us);
        let mut last = begin;
        for (us, packet) in sent {
            // On one cable nothing overtakes.
            last = last
                .max(begin + micros(us - start_us) + Duration::from_micros(self.jitter.delay_us()));
            self.queue.push_back((last, packet));
        }
    }
}
