//! DAVIS cameras through libcaer: events, frames with their exposures, edges.

mod library;
mod registers;
mod wire;

pub use library::LIBRARY_VARIABLE;

use crate::camera::seam::Seam;
use crate::camera::{
    Cause, Control, ControlError, Device, DeviceError, Drops, Edge, EventPacket, FramePacket,
    FrameSpan, Identity, Opener, Packet, Unit, Value, Wanted,
};
use crate::event::Event;
use crate::frame::Size;
use crate::time::{EventClock, Timestamp};
use library::{Caer, Info, Open};
use registers::{DVS_DROPPED, MUX, REGISTERS, Register};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wire::{Kind, Special};

/// Silence after which a camera counts as gone even if libcaer says nothing: the inertial
/// sensor alone sends a thousand times a second.
const SILENCE: Duration = Duration::from_secs(3);
/// How long to sleep where there is nothing, which adds to latency.
const NAP: Duration = Duration::from_micros(500);
/// How often the camera's own counters are asked.
const ASK: Duration = Duration::from_secs(1);

/// Opens DAVIS cameras.
#[derive(Default)]
pub struct Davis {
    file: Option<PathBuf>,
    caer: Mutex<Option<Arc<Caer>>>,
}

impl Davis {
    /// With libcaer from `file`, or from its usual place.
    pub fn new(file: Option<PathBuf>) -> Self {
        Self { file, caer: Mutex::new(None) }
    }

    /// Whether libcaer can be loaded; if not, why, and what to do.
    ///
    /// # Errors
    /// It is not there, or lacks a function.
    pub fn library(&self) -> Result<(), DeviceError> {
        self.caer().map(|_| ())
    }

    fn caer(&self) -> Result<Arc<Caer>, DeviceError> {
        let mut held = self.caer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(caer) = held.as_ref() {
            return Ok(caer.clone());
        }
        let caer = Caer::load(self.file.clone()).map_err(DeviceError::Fatal)?;
        Ok(held.insert(caer).clone())
    }
}

impl Opener for Davis {
    fn open(&self, wanted: &Wanted, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let mut open = Open::new(self.caer()?, wanted.serial.as_deref()).map_err(|errno| {
            let which = wanted.serial.as_ref().map_or(String::new(), |s| format!(" {s}"));
            DeviceError::Absent(format!(
                "no DAVIS{which} can be opened (libcaer's error {errno}): plug it in, see that \
                 the udev rule is installed and that no other program uses it"
            ))
        })?;
        let info = open.info();
        let (Ok(width @ 1..), Ok(height @ 1..)) =
            (usize::try_from(info.width), usize::try_from(info.height))
        else {
            return Err(DeviceError::Absent("the DAVIS does not tell its size".into()));
        };
        open.send_defaults();
        let mut refused = Vec::new();
        for (name, module, parameter, value) in registers::START {
            if !open.set(*module, *parameter, *value) {
                refused.push(*name);
            }
        }
        if info.global_shutter {
            open.set(registers::APS, registers::GLOBAL_SHUTTER, 1);
        }
        if !refused.is_empty() {
            let what = refused.join(", ");
            return Err(DeviceError::Absent(format!("the DAVIS did not accept {what}")));
        }
        if !open.start() {
            return Err(DeviceError::Absent("the DAVIS does not start to send".into()));
        }
        let dropped = info.statistics.then(|| open.get_64(MUX, DVS_DROPPED)).flatten();
        Ok(Box::new(Camera {
            open,
            info,
            sensor: Size::new(width, height),
            wanted: wanted.clone(),
            drops: drops.clone(),
            epoch: wanted.next_epoch(),
            seam: Seam::default(),
            frames: 0,
            heard: Instant::now(),
            asked: Instant::now(),
            dropped,
        }))
    }
}

struct Camera {
    open: Open,
    info: Info,
    sensor: Size,
    wanted: Wanted,
    drops: Drops,
    epoch: u32,
    seam: Seam,
    frames: u64,
    heard: Instant,
    asked: Instant,
    /// The camera's own count of what it could not send.
    dropped: Option<u64>,
}

impl Device for Camera {
    fn identity(&self) -> Identity {
        Identity {
            model: self.info.description.clone(),
            serial: self.info.serial.clone(),
            firmware: format!("firmware {}, logic {}", self.info.firmware, self.info.logic),
        }
    }

    fn controls(&self) -> Vec<Control> {
        let there = REGISTERS.iter().filter(|r| (r.exists)(&self.info));
        there.filter_map(|r| Some(r.control(self.open.get(r.module, r.parameter)?))).collect()
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        let register: &Register = REGISTERS
            .iter()
            .find(|r| r.name == name)
            .ok_or_else(|| ControlError::Unknown(name.into()))?;
        let raw = match value {
            Value::Switch(on) => u32::from(*on),
            Value::Whole(v) => u32::try_from(*v).unwrap_or(0),
            _ => {
                return Err(ControlError::Kind { name: name.into(), value: value.clone() });
            }
        };
        if self.open.set(register.module, register.parameter, raw) {
            Ok(())
        } else {
            Err(ControlError::Refused(name.into()))
        }
    }

    fn poll(&mut self, patience: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        let started = Instant::now();
        loop {
            let mut any = false;
            while self.container(out) {
                any = true;
                if started.elapsed() > patience {
                    break;
                }
            }
            if self.open.is_gone() {
                return Err(DeviceError::Absent("the DAVIS was unplugged".into()));
            }
            if any {
                self.heard = Instant::now();
                self.ask();
                return Ok(());
            }
            if self.heard.elapsed() > SILENCE {
                let seconds = SILENCE.as_secs();
                let why = format!("the DAVIS has sent nothing for {seconds} s");
                return Err(DeviceError::Absent(why));
            }
            if started.elapsed() > patience {
                return Ok(());
            }
            std::thread::sleep(NAP);
        }
    }
}

impl Camera {
    /// Reads one container, if there is one.
    fn container(&mut self, out: &mut Vec<Packet>) -> bool {
        let sensor = self.sensor;
        let (mut events, mut edges) = (Vec::new(), Vec::new());
        let (mut frames, mut last_us, mut reset, mut bad) = (Vec::new(), None, false, 0);
        let read = self.open.data(|header, bytes| {
            match header.kind {
                Kind::Polarity => bad += wire::polarity(header, bytes, sensor, &mut events),
                Kind::Special => {
                    for special in wire::specials(header, bytes) {
                        match special {
                            Special::Reset => reset = true,
                            Special::Edge(kind, t_us) => {
                                edges.push(Edge { t: Timestamp::from_us(t_us), kind });
                            }
                        }
                    }
                }
                Kind::Frame => frames.extend(wire::frames(header, bytes)),
                Kind::Inertial | Kind::Other => {}
            }
            if matches!(header.kind, Kind::Polarity | Kind::Special | Kind::Inertial) {
                last_us = last_us.max(header.last_us(bytes));
            }
        });
        let Some(nonsense) = read else { return false };
        self.drops.add(Cause::Malformed, Unit::Gaps, nonsense);
        self.drops.add(Cause::Malformed, Unit::Events, bad);
        if reset {
            // The clock begins anew, and this container's other times are of neither clock.
            self.epoch = self.wanted.next_epoch();
            let lost = self.seam.clear() + events.len() as u64;
            self.drops.add(Cause::Device, Unit::Events, lost);
            self.drops.add(Cause::Device, Unit::Frames, frames.len() as u64);
            return true;
        }
        if let Some(last_us) = last_us {
            self.events(last_us, events, edges, out);
        }
        for frame in frames {
            let sequence = self.frames;
            self.frames += 1;
            let Some(frame) = frame else {
                self.drops.add(Cause::Malformed, Unit::Frames, 1);
                continue;
            };
            out.push(Packet::Frame(FramePacket {
                epoch: self.epoch,
                sequence,
                span: FrameSpan::Events {
                    start: Timestamp::from_us(frame.start_us),
                    end: Timestamp::from_us(frame.end_us),
                },
                arrived: Timestamp::now(),
                picture: frame.picture,
                truth: None,
            }));
        }
        true
    }

    fn events(
        &mut self,
        last_us: i64,
        events: Vec<Event>,
        edges: Vec<Edge>,
        out: &mut Vec<Packet>,
    ) {
        let (from_us, until_us, events) = match self.seam.join(last_us, events) {
            Ok(whole) => whole,
            // libcaer keeps time in order; what does not is no use to anybody.
            Err(lost) => return self.drops.add(Cause::Malformed, Unit::Events, lost),
        };
        out.push(Packet::Events(EventPacket {
            epoch: self.epoch,
            from: Timestamp::<EventClock>::from_us(from_us),
            until: Timestamp::from_us(until_us),
            arrived: Timestamp::now(),
            events,
            edges,
            sensor: self.sensor,
        }));
    }

    /// Asks the camera what it could not send.
    fn ask(&mut self) {
        let Some(before) = self.dropped else { return };
        if self.asked.elapsed() < ASK {
            return;
        }
        self.asked = Instant::now();
        if let Some(now) = self.open.get_64(MUX, DVS_DROPPED) {
            self.drops.add(Cause::Usb, Unit::Events, now.saturating_sub(before));
            self.dropped = Some(now);
        }
    }
}
