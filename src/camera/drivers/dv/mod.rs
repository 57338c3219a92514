//! DV's live streams: every iniVation camera and firmware that DV can open, on this or another
//! computer.
//!
//! DV's network output and dv-processing's `NetworkWriter` offer one stream per port: events, frames
//! or triggers. Frames and events have the camera's own clock. A closed connection is a camera that
//! was unplugged: it is opened again.

mod assembler;
mod connection;

pub use connection::Address;

use crate::camera::split::StreamKind;
use crate::camera::{
    Control, ControlError, Device, DeviceError, DeviceSelector, Driver, DropCause, DropUnit, Drops,
    Identity, Packet, Value,
};
use crate::formats::aedat4::{PacketKind, Part};
use crate::formats::limits::check_sensor;
use assembler::Assembler;
use connection::{ConnectError, Connection, Delivery};
use crossbeam_channel::{Select, TryRecvError};
use std::time::{Duration, Instant};

/// Name of the control for the exposure time of frames that state none.
const EXPOSURE: &str = "exposure_us";

/// Driver for DV's live streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dv {
    events: Address,
    frames: Option<Address>,
    triggers: Option<Address>,
}

impl Dv {
    /// Streams at these addresses.
    pub fn new(events: Address, frames: Option<Address>, triggers: Option<Address>) -> Self {
        Self { events, frames, triggers }
    }

    /// From `HOST:PORT[,FRAMES_PORT[,TRIGGERS_PORT]]`, or paths of UNIX sockets in place of ports.
    ///
    /// # Errors
    /// The text is neither; the message states what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "{text} is not HOST:PORT[,FRAMES_PORT[,TRIGGERS_PORT]], such as \
                 localhost:10101,10102, or paths of UNIX sockets"
            )
        };
        let mut parts = text.split(',').map(str::trim);
        let first = parts.next().filter(|t| !t.is_empty()).ok_or_else(expected)?;
        let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
        let (events, host) = if first.starts_with('/') {
            (Address::Unix(first.into()), None)
        } else {
            let (host, number) = first.rsplit_once(':').ok_or_else(expected)?;
            let host = if host.is_empty() { "localhost" } else { host };
            let number = port(number).ok_or_else(expected)?;
            (Address::Tcp(host.to_owned(), number), Some(host.to_owned()))
        };
        let other = |text: &str| match (&host, port(text)) {
            _ if text.starts_with('/') => Ok(Address::Unix(text.into())),
            (Some(host), Some(port)) => Ok(Address::Tcp(host.clone(), port)),
            _ => Err(expected()),
        };
        // An empty place leaves the frames out.
        let mut optional = || match parts.next() {
            None | Some("") => Ok(None),
            Some(text) => other(text).map(Some),
        };
        let (frames, triggers) = (optional()?, optional()?);
        if parts.next().is_some() {
            return Err(expected());
        }
        Ok(Self { events, frames, triggers })
    }

    /// Whether frames are among the streams.
    pub fn has_frames(&self) -> bool {
        self.frames.is_some()
    }

    /// The same without what is not needed for this stream.
    ///
    /// # Errors
    /// Frames are needed and none are among the streams.
    pub fn only(self, stream: StreamKind) -> Result<Self, String> {
        match (stream, self.frames) {
            (StreamKind::Events, _) => Ok(Self { frames: None, ..self }),
            // As the source of frames alone, its events are not needed.
            (StreamKind::Frames, Some(frames)) => {
                Ok(Self { events: frames.clone(), frames: Some(frames), triggers: None })
            }
            (StreamKind::Frames, None) => {
                Err("no port for frames was given: dv:HOST:PORT,FRAMES_PORT".to_owned())
            }
        }
    }

    fn connect(&self, address: &Address, kind: PacketKind) -> Result<Connection, DeviceError> {
        let connection = Connection::open(address).map_err(|e| match e {
            ConnectError::Absent(why) => DeviceError::NotFound(why),
            ConnectError::Protocol(why) => DeviceError::Unusable(why),
        })?;
        let streams = &connection.streams;
        if !streams.is_empty() && !streams.iter().any(|s| s.kind == kind) {
            let names: Vec<&str> = streams.iter().map(|s| s.type_name.as_str()).collect();
            return Err(DeviceError::Unusable(format!(
                "the stream at {address} carries {} instead of {}",
                names.join(", "),
                describe(kind)
            )));
        }
        Ok(connection)
    }
}

fn describe(kind: PacketKind) -> &'static str {
    match kind {
        PacketKind::Events => "events (EVTS)",
        PacketKind::Frame => "frames (FRME)",
        PacketKind::Triggers => "triggers (TRIG)",
        PacketKind::Other | PacketKind::Damaged => "something known",
    }
}

impl Driver for Dv {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let mut connections = Vec::new();
        let frames_alone = self.frames.as_ref() == Some(&self.events);
        if !frames_alone {
            connections.push(self.connect(&self.events, PacketKind::Events)?);
        }
        if let Some(address) = &self.frames {
            connections.push(self.connect(address, PacketKind::Frame)?);
        }
        if let Some(address) = &self.triggers {
            connections.push(self.connect(address, PacketKind::Triggers)?);
        }
        let info = |kind: PacketKind| {
            connections.iter().flat_map(|c| &c.streams).find(move |s| s.kind == kind)
        };
        let events = info(PacketKind::Events);
        let sensor = events.and_then(|s| s.size).filter(|_| !frames_alone);
        if !frames_alone && sensor.is_none() {
            return Err(DeviceError::Unusable(format!(
                "the stream at {} does not state the size of the event sensor",
                self.events
            )));
        }
        // Memory for a sensor is allocated before its first event.
        if let Some(Err(too_large)) = sensor.map(check_sensor) {
            let address = &self.events;
            return Err(DeviceError::Unusable(format!(
                "the stream at {address} states {too_large}"
            )));
        }
        let camera = events.or_else(|| info(PacketKind::Frame)).map_or("", |s| s.camera.as_str());
        if let Some(serial) = wanted.serial.as_deref()
            && serial != camera
        {
            return Err(DeviceError::NotFound(format!(
                "the stream at {} is of camera {camera:?} instead of {serial:?}",
                self.events
            )));
        }
        let identity = Identity {
            model: format!("DV stream at {}", self.events),
            serial: camera.to_owned(),
            firmware: String::new(),
        };
        let assembler =
            Assembler::new(wanted.clone(), drops.clone(), sensor, self.triggers.is_some());
        Ok(Box::new(Camera { connections, identity, assembler, drops: drops.clone() }))
    }
}

struct Camera {
    connections: Vec<Connection>,
    identity: Identity,
    assembler: Assembler,
    drops: Drops,
}

impl Camera {
    /// The next delivery of any connection; `None` after `timeout`.
    fn receive(&self, timeout: Duration) -> Option<Delivery> {
        let mut select = Select::new();
        for connection in &self.connections {
            select.recv(&connection.deliveries);
        }
        let ready = select.ready_timeout(timeout).ok()?;
        let connection = self.connections.get(ready)?;
        match connection.deliveries.try_recv() {
            Ok(delivery) => Some(delivery),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                Some(Err(format!("the DV stream at {} ended", connection.address)))
            }
        }
    }
}

impl Device for Camera {
    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn controls(&self) -> Vec<Control> {
        let value = self.assembler.exposure_us;
        let label = "Exposure of frames that state none (0: drop them)";
        vec![Control::int(EXPOSURE, label, value, (0, 1_000_000)).for_experts()]
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        match (name, value) {
            (EXPOSURE, Value::Int(us)) => {
                self.assembler.exposure_us = *us;
                Ok(())
            }
            _ => Err(ControlError::Unknown(name.into())),
        }
    }

    fn poll(&mut self, timeout: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        let until = Instant::now() + timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.receive(left) {
                Some(Ok(Ok(Part::Events(events)))) => self.assembler.events(events, out),
                Some(Ok(Ok(Part::Frame(frame)))) => self.assembler.frame(&frame, out),
                Some(Ok(Ok(Part::Edges(edges)))) => self.assembler.edges(edges),
                Some(Ok(Ok(Part::Other))) => {}
                Some(Ok(Err(_))) => self.drops.add(DropCause::Malformed, DropUnit::Gaps, 1),
                Some(Err(why)) if out.is_empty() => return Err(DeviceError::NotFound(why)),
                // What came before is passed on first; the next call reports the end.
                Some(Err(_)) | None => {
                    self.assembler.pass_time(out);
                    return Ok(());
                }
            }
            if out.len() >= 64 || Instant::now() >= until {
                self.assembler.pass_time(out);
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn addresses_are_hosts_with_ports_or_paths() {
        let tcp = |host: &str, port| Address::Tcp(host.into(), port);
        let parsed = |text: &str| Dv::parse(text).unwrap();
        assert_eq!(parsed("lab:10101"), Dv::new(tcp("lab", 10101), None, None));
        let all = Dv::new(tcp("10.0.0.7", 1), Some(tcp("10.0.0.7", 2)), Some(tcp("10.0.0.7", 3)));
        assert_eq!(parsed("10.0.0.7:1,2,3"), all);
        assert_eq!(parsed(":1,,3").triggers, Some(tcp("localhost", 3)));
        assert_eq!(parsed("::1:10101").events, tcp("::1", 10101));
        let path = |text: &str| Address::Unix(text.into());
        assert_eq!(parsed("/run/e,/run/f"), Dv::new(path("/run/e"), Some(path("/run/f")), None));
        for text in ["", "lab", "lab:0", "lab:x", "lab:1,x", "lab:1,2,3,4", "lab:70000"] {
            let why = Dv::parse(text).unwrap_err();
            assert!(why.contains("HOST:PORT"), "{why}");
        }
        let frames = parsed("lab:1,2").only(StreamKind::Frames).unwrap();
        assert_eq!(frames.events, tcp("lab", 2));
        assert!(parsed("lab:1").only(StreamKind::Frames).is_err());
    }
}
