//! A USB bus with one event camera.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use crate::event_writers::{Evt3Writer, InivationWriter};
use gem_live::camera::DeviceError;
use gem_live::camera::drivers::neuromorphic::{
    Buffer, Bus, Format, Model, OpenSettings, Orientation, Port, Setting,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

pub const EVK4: &[Model] = &[Model::Evk4];
pub const SILKYEVCAM_VGA: &[Model] = &[Model::SilkyEvCamVga];
pub const DVXPLORER: &[Model] = &[Model::Dvxplorer];
pub const DAVIS: &[Model] = &[Model::Davis346];

pub const SERIAL: &str = "0005042A";

/// A buffer that is to arrive.
pub struct Arrival {
    pub bytes: Vec<u8>,
    pub is_after_gap: bool,
    /// Time from the start to its arrival.
    pub after: Duration,
}

/// Where buffers come from.
pub enum Feed {
    /// These, and then none.
    Script(VecDeque<Arrival>),
    /// A millisecond after the other, as the camera's model makes them.
    Endless,
}

/// The state of the bus.
pub struct World {
    pub model: Model,
    pub format: Format,
    pub is_present: bool,
    pub feed: Feed,
    /// Buffers that are lost next.
    pub lose: u64,
    pub opened: u32,
    pub closed: u32,
    /// What the camera was opened with last.
    pub opened_with: Option<OpenSettings>,
    pub settings: Vec<Setting>,
    /// Models that are there and cannot be opened, and why.
    pub broken: Vec<(Model, DeviceError)>,
}

/// The bus. Clones share it.
#[derive(Clone)]
pub struct FakeUsb(Arc<Mutex<World>>);

impl FakeUsb {
    pub fn new(model: Model, format: Format) -> Self {
        Self(Arc::new(Mutex::new(World {
            model,
            format,
            is_present: true,
            feed: Feed::Endless,
            lose: 0,
            opened: 0,
            closed: 0,
            opened_with: None,
            settings: Vec::new(),
            broken: Vec::new(),
        })))
    }

    /// With these buffers, one millisecond after the other.
    pub fn script(model: Model, format: Format, buffers: &[Vec<u8>]) -> Self {
        let arrival = |(i, bytes): (usize, &Vec<u8>)| Arrival {
            bytes: bytes.clone(),
            is_after_gap: false,
            after: Duration::from_millis(i as u64),
        };
        let fake = Self::new(model, format);
        fake.world().feed = Feed::Script(buffers.iter().enumerate().map(arrival).collect());
        fake
    }

    /// Whether buffers of the script are left.
    pub fn is_sending(&self) -> bool {
        matches!(&self.world().feed, Feed::Script(arrivals) if !arrivals.is_empty())
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
}

impl Bus for FakeUsb {
    fn open(
        &self,
        model: Model,
        serial: Option<&str>,
        settings: OpenSettings,
    ) -> Result<Option<Box<dyn Port>>, DeviceError> {
        let mut world = self.world();
        if let Some((_, why)) = world.broken.iter().find(|(broken, _)| *broken == model) {
            return Err(why.clone());
        }
        let is_it = model == world.model && serial.is_none_or(|s| s == SERIAL);
        if !world.is_present || !is_it {
            return Ok(None);
        }
        world.opened += 1;
        world.opened_with = Some(settings);
        Ok(Some(Box::new(FakePort {
            usb: self.clone(),
            number: world.opened,
            format: world.format,
            stream: Stream::new(world.format),
            begin: Instant::now(),
            dropped: 0,
        })))
    }
}

struct FakePort {
    usb: FakeUsb,
    /// Which opening this is.
    number: u32,
    format: Format,
    stream: Stream,
    begin: Instant,
    dropped: u64,
}

impl Drop for FakePort {
    fn drop(&mut self) {
        self.usb.world().closed += 1;
    }
}

impl Port for FakePort {
    fn serial(&self) -> String {
        SERIAL.into()
    }

    fn format(&self) -> Format {
        self.format
    }

    fn next(
        &mut self,
        timeout: Duration,
        read: &mut dyn FnMut(Buffer<'_>),
    ) -> Result<bool, String> {
        let mut world = self.usb.world();
        if !world.is_present || world.opened != self.number {
            return Err("No such device (it may have been disconnected)".into());
        }
        if let Feed::Script(arrivals) = &mut world.feed {
            let Some(Arrival { bytes, is_after_gap, after }) = arrivals.pop_front() else {
                drop(world);
                std::thread::sleep(timeout);
                return Ok(false);
            };
            self.dropped += u64::from(is_after_gap);
            read(Buffer { bytes: &bytes, is_after_gap, arrived: self.begin + after });
            return Ok(true);
        }
        let lost = std::mem::take(&mut world.lose);
        drop(world);
        (0..lost).for_each(|_| drop(self.stream.millisecond()));
        self.dropped += lost;
        let due = self.begin + Duration::from_millis(self.stream.now_ms);
        let left = due.saturating_duration_since(Instant::now());
        std::thread::sleep(left.min(timeout));
        if left > timeout {
            return Ok(false);
        }
        let bytes = self.stream.millisecond();
        read(Buffer { bytes: &bytes, is_after_gap: lost > 0, arrived: Instant::now() });
        Ok(true)
    }

    fn dropped(&self) -> u64 {
        self.dropped
    }

    fn settings(&self) -> Vec<Setting> {
        self.usb.world().settings.clone()
    }

    fn set(&mut self, name: &str, value: i64) -> bool {
        let mut world = self.usb.world();
        let found = world.settings.iter_mut().find(|s| s.name == name);
        found.map(|setting| setting.value = value).is_some()
    }
}

/// What a camera sends while something moves.
struct Stream {
    format: Format,
    evt3: Evt3Writer,
    words: InivationWriter,
    now_ms: u64,
}

impl Stream {
    fn new(format: Format) -> Self {
        let (evt3, words) = (Evt3Writer::default(), InivationWriter::default());
        Self { format, evt3, words, now_ms: 0 }
    }

    fn millisecond(&mut self) -> Vec<u8> {
        let begin_us = 1_000 * self.now_ms as i64;
        self.now_ms += 1;
        // Sensors repeat the upper part of the time far more often than it changes.
        self.evt3.forget();
        for step in 0..10 {
            let (t_us, x) = (begin_us + 100 * step, (7 * step) as u16);
            let on = step % 2 == 0;
            match self.format {
                Format::Evt3 => {
                    self.evt3.time(t_us).event(x, 3, on);
                }
                Format::Dvxplorer => {
                    self.words.time(t_us).groups(x, 1, 0b11, on);
                }
                Format::Davis346 { .. } => {
                    self.words.time(t_us).event(x, 5, on);
                }
            }
        }
        if matches!(self.format, Format::Davis346 { .. }) && self.now_ms.is_multiple_of(100) {
            let start_us = begin_us + 900;
            self.words.frame((start_us, start_us + 40), |_, _| 80);
        }
        match self.format {
            Format::Evt3 => self.evt3.take(),
            _ => self.words.take(),
        }
    }
}

/// A DAVIS346 whose chip is read as its pictures lie.
pub fn upright_davis() -> Format {
    Format::Davis346 { invert_events: false, frames: Orientation::default() }
}
