//! A camera in threads of its own: opened, watched, waited for when it disappears, closed.
//!
//! Two threads: one talks to the device, the other watches that it still does. A library that
//! never returns is left alone in its thread, and the camera is opened again in a new one.

use super::{Cause, Control, ControlError, Drops, Packet, Unit, Value};
use crate::panics::{caught, message};
use crate::time::{HostClock, Timestamp};
use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Which camera it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Identity {
    /// Maker and model.
    pub model: String,
    /// Serial number, by which it is found again.
    pub serial: String,
    /// Versions of firmware and logic, where it tells them.
    pub firmware: String,
}

/// Why a device cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeviceError {
    /// It is not there now, or was there and is gone: worth waiting for.
    #[error("{0}")]
    Absent(String),
    /// Waiting will not help.
    #[error("{0}")]
    Fatal(String),
    /// A recording is over.
    #[error("the end")]
    Ended,
}

/// Which device to open.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only the one of this serial number.
    pub serial: Option<String>,
    epochs: Arc<AtomicU32>,
}

impl Wanted {
    /// Any device, or the one of a serial number.
    pub fn new(serial: Option<String>) -> Self {
        Self { serial, ..Self::default() }
    }

    /// A new epoch, for a device that was opened or whose clock was set anew.
    pub fn next_epoch(&self) -> u32 {
        self.epochs.fetch_add(1, Ordering::Relaxed)
    }
}

/// How the time of a simulation runs against that of this computer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Seconds of the simulation in a second: 1 is real time.
    pub real_time: f64,
    /// How far the simulation has fallen behind so far.
    pub slipped: Duration,
}

/// An open camera, used by one thread.
pub trait Device: Send {
    /// Which one it is.
    fn identity(&self) -> Identity;

    /// What can be set, with present values.
    fn controls(&self) -> Vec<Control>;

    /// Sets a control, whose value was checked against [`Device::controls`].
    ///
    /// # Errors
    /// The device refuses.
    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError>;

    /// Waits at most `patience` for packets and appends them to `out`; none is no error.
    ///
    /// # Errors
    /// The device is gone, cannot go on, or has come to its end.
    fn poll(&mut self, patience: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError>;

    /// How its time runs; `None` for what is not simulated.
    fn pace(&self) -> Option<Pace> {
        None
    }
}

/// Opens devices of one kind.
pub trait Opener: Send + Sync {
    /// Opens the wanted device. Counts what it loses later in `drops`.
    ///
    /// # Errors
    /// It is not there, or cannot be used.
    fn open(&self, wanted: &Wanted, drops: &Drops) -> Result<Box<dyn Device>, DeviceError>;
}

/// What happens to a source.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// The device is open and sends.
    Connected(Identity, Vec<Control>),
    /// It is not there; opened as soon as it is.
    Waiting {
        /// The serial number that is waited for, where one is known.
        serial: Option<String>,
        /// Why it cannot be opened, and what to do.
        why: String,
    },
    /// It was there and is gone.
    Lost(String),
    /// Its library has not answered for so long that it was given up.
    Stalled(Duration),
    /// Controls have changed.
    Controls(Vec<Control>),
    /// A control was not set.
    Refused(ControlError),
    /// A simulation runs at another speed, or has fallen further behind.
    Pace(Pace),
    /// A recording has come to its end.
    Ended,
    /// It can not be used; the source has stopped.
    Failed(String),
}

/// How a source behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Packets that wait in the channel at most.
    pub queue: usize,
    /// Bytes of frames and events that wait in the channel at most. This is what binds: packets
    /// are as short as a camera likes. One packet finds room whatever its size.
    pub queue_bytes: usize,
    /// Wait for a full channel, as a recording can, rather than drop and count.
    pub lossless: bool,
    /// Silence of the library after which it is given up.
    pub stall: Duration,
    /// Silence while opening after which it is given up.
    pub open_stall: Duration,
    /// Time between attempts to open.
    pub retry: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue: 4096,
            // 0.7 s of 12 Mev/s, the most that a DAVIS346 sends, and 0.5 s with 60 frames of
            // 1152x768 a second on top; four seconds of packets of a millisecond.
            queue_bytes: 128 << 20,
            lossless: false,
            stall: Duration::from_secs(2),
            open_stall: Duration::from_secs(15),
            retry: Duration::from_millis(500),
        }
    }
}

/// Threads stuck in a library that are tolerated before a source gives up.
const MAX_STUCK: usize = 4;
/// How long one poll may take, and with it the answer to a command.
const POLL: Duration = Duration::from_millis(20);
/// Patience with threads that are asked to end.
const FAREWELL: Duration = Duration::from_secs(3);

/// Sets controls of a running source; clones reach the same one.
#[derive(Clone, Debug)]
pub struct Commands(Sender<(String, Value)>);

impl Commands {
    /// Asks for a control to be set; the answer comes as a [`Status`]. `false` where the
    /// source has ended or too many requests wait.
    pub fn set(&self, name: impl Into<String>, value: Value) -> bool {
        self.0.try_send((name.into(), value)).is_ok()
    }
}

/// A running camera.
#[derive(Debug)]
pub struct Source {
    /// Packets, in the camera's order.
    pub packets: Receiver<Packet>,
    /// What happens; the oldest is forgotten where nobody reads.
    pub status: Receiver<Status>,
    /// To set controls.
    pub commands: Commands,
    /// Everything that was lost in the driver.
    pub drops: Drops,
    shared: Arc<Shared>,
    watcher: Option<JoinHandle<()>>,
}

impl Source {
    /// Starts the threads of a source called `name`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        name: &str,
        opener: Arc<dyn Opener>,
        wanted: Wanted,
        settings: Settings,
        drops: Drops,
    ) -> std::io::Result<Self> {
        let (packet_in, packets) = bounded(settings.queue.max(1));
        let (status_in, status) = bounded(64);
        let (command_in, command_out) = bounded(64);
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            opener,
            settings,
            drops: drops.clone(),
            packets: packet_in,
            status: (status_in, status.clone()),
            commands: command_out,
            wanted: Mutex::new(wanted),
            chosen: Mutex::new(Vec::new()),
            backlog: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let of_watcher = shared.clone();
        let watcher = Builder::new().name(format!("{name}-watch")).spawn(move || {
            if let Err(why) = caught(|| watch(&of_watcher)) {
                of_watcher.tell(Status::Failed(why));
            }
        })?;
        let commands = Commands(command_in);
        Ok(Self { packets, status, commands, drops, shared, watcher: Some(watcher) })
    }

    /// Asks the threads to end and waits for them, though not for ever; whether all ended.
    pub fn stop(&mut self) -> bool {
        self.shared.stop.store(true, Ordering::Release);
        self.watcher.take().is_none_or(|watcher| join(watcher, FAREWELL + POLL * 10))
    }

    /// Whether the threads have ended.
    pub fn is_finished(&self) -> bool {
        self.watcher.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Joins a thread unless it takes longer than `patience`.
fn join(thread: JoinHandle<()>, patience: Duration) -> bool {
    let started = Instant::now();
    while !thread.is_finished() {
        if started.elapsed() > patience {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    thread.join().is_ok()
}

struct Shared {
    name: String,
    opener: Arc<dyn Opener>,
    settings: Settings,
    drops: Drops,
    packets: Sender<Packet>,
    status: (Sender<Status>, Receiver<Status>),
    commands: Receiver<(String, Value)>,
    wanted: Mutex<Wanted>,
    /// What was set, to be set again on a camera that returns.
    chosen: Mutex<Vec<(String, Value)>>,
    /// What waits in the channel, also of a device that was closed since.
    backlog: Mutex<Backlog>,
    stop: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Shared {
    fn tell(&self, status: Status) {
        let mut status = status;
        while let Err(TrySendError::Full(back)) = self.status.0.try_send(status) {
            let _ = self.status.1.try_recv();
            status = back;
        }
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn wanted(&self) -> Wanted {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One attempt at using the device: its thread, and until when it must have spoken again.
struct Turn {
    speak_by_us: AtomicI64,
    abandoned: AtomicBool,
}

impl Turn {
    fn allow(&self, patience: Duration) {
        let patience_us = i64::try_from(patience.as_micros()).unwrap_or(i64::MAX);
        let by = Timestamp::<HostClock>::now().plus_us(patience_us);
        self.speak_by_us.store(by.us(), Ordering::Release);
    }

    fn abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
}

fn watch(shared: &Arc<Shared>) {
    let mut stuck: Vec<JoinHandle<()>> = Vec::new();
    while !shared.stopping() {
        let turn =
            Arc::new(Turn { speak_by_us: AtomicI64::new(0), abandoned: AtomicBool::new(false) });
        turn.allow(shared.settings.open_stall);
        let (of_worker, its_turn) = (shared.clone(), turn.clone());
        let spawned = Builder::new()
            .name(shared.name.clone())
            .spawn(move || Worker { shared: &of_worker, turn: &its_turn }.run());
        let worker = match spawned {
            Ok(worker) => worker,
            Err(e) => return shared.tell(Status::Failed(format!("no thread: {e}"))),
        };
        loop {
            if shared.stopping() {
                join(worker, FAREWELL);
                return;
            }
            if worker.is_finished() {
                // A driver that panicked may be in any state: the device is not opened again.
                if let Err(panic) = worker.join() {
                    shared.tell(Status::Failed(message(&*panic)));
                }
                return;
            }
            let now = Timestamp::<HostClock>::now().us();
            let by = turn.speak_by_us.load(Ordering::Acquire);
            if now > by {
                turn.abandoned.store(true, Ordering::Release);
                shared.tell(Status::Stalled(shared.settings.stall));
                stuck.retain(|thread| !thread.is_finished());
                stuck.push(worker);
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if stuck.len() > MAX_STUCK {
            let why = "its library hangs again and again: unplug the camera, plug it in again \
                       and restart the program";
            return shared.tell(Status::Failed(why.into()));
        }
    }
}

/// Bytes of what was sent last, which is what still waits when a channel says how many do.
#[derive(Default)]
struct Backlog {
    sent: VecDeque<usize>,
    bytes: usize,
}

impl Backlog {
    fn sent(&mut self, bytes: usize) {
        self.sent.push_back(bytes);
        self.bytes += bytes;
    }

    /// Bytes of the last so many packets.
    fn bytes_of(&mut self, packets: usize) -> usize {
        while self.sent.len() > packets {
            self.bytes -= self.sent.pop_front().unwrap_or(0);
        }
        self.bytes
    }
}

/// Whether a pace is worth telling again.
fn differs(told: Pace, now: Pace) -> bool {
    /// What shows in the second digit.
    const SPEED: f64 = 0.01;
    (told.real_time - now.real_time).abs() >= SPEED || told.slipped != now.slipped
}

struct Worker<'a> {
    shared: &'a Shared,
    turn: &'a Turn,
}

impl Worker<'_> {
    fn over(&self) -> bool {
        self.shared.stopping() || self.turn.abandoned()
    }

    fn tell(&self, status: Status) {
        if !self.turn.abandoned() {
            self.shared.tell(status);
        }
    }

    fn run(&self) {
        let mut told = None;
        while !self.over() {
            self.turn.allow(self.shared.settings.open_stall);
            let wanted = self.shared.wanted();
            match self.shared.opener.open(&wanted, &self.shared.drops) {
                Ok(mut device) => {
                    told = None;
                    if self.over() {
                        return;
                    }
                    match self.use_it(device.as_mut()) {
                        Ok(()) => return,
                        Err(DeviceError::Absent(why)) => self.tell(Status::Lost(why)),
                        Err(DeviceError::Fatal(why)) => return self.tell(Status::Failed(why)),
                        Err(DeviceError::Ended) => return self.tell(Status::Ended),
                    }
                    // A library may try for seconds to bid farewell to a camera that is gone.
                    self.turn.allow(self.shared.settings.open_stall);
                    drop(device);
                }
                Err(DeviceError::Absent(why)) => {
                    if told.as_ref() != Some(&why) {
                        told = Some(why.clone());
                        self.tell(Status::Waiting { serial: wanted.serial, why });
                    }
                }
                Err(DeviceError::Fatal(why)) => return self.tell(Status::Failed(why)),
                Err(DeviceError::Ended) => return self.tell(Status::Ended),
            }
            let since = Instant::now();
            while since.elapsed() < self.shared.settings.retry && !self.over() {
                self.turn.allow(self.shared.settings.open_stall);
                std::thread::sleep(POLL.min(self.shared.settings.retry));
            }
        }
    }

    /// Polls an open device until it is gone, or the source is to end.
    fn use_it(&self, device: &mut dyn Device) -> Result<(), DeviceError> {
        let identity = device.identity();
        if !identity.serial.is_empty() {
            let mut wanted = self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.serial = Some(identity.serial.clone());
        }
        let chosen = self.shared.chosen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (name, value) in chosen {
            if let Err(e) = device.set(&name, &value) {
                self.tell(Status::Refused(e));
            }
        }
        self.tell(Status::Connected(identity, device.controls()));
        let mut packets = Vec::new();
        let mut told: Option<Pace> = None;
        while !self.over() {
            self.turn.allow(self.shared.settings.stall);
            self.obey(device);
            if let Some(pace) = device.pace()
                && told.is_none_or(|told| differs(told, pace))
            {
                told = Some(pace);
                self.tell(Status::Pace(pace));
            }
            let result = device.poll(POLL, &mut packets);
            for packet in packets.drain(..) {
                self.deliver(packet);
            }
            result?;
        }
        Ok(())
    }

    fn obey(&self, device: &mut dyn Device) {
        loop {
            let (name, value) = match self.shared.commands.try_recv() {
                Ok(command) => command,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            };
            let controls = device.controls();
            let set = match controls.iter().find(|c| c.name == name) {
                None => Err(ControlError::Unknown(name.clone())),
                Some(control) => control.check(&value).and_then(|()| device.set(&name, &value)),
            };
            match set {
                Ok(()) => {
                    let lock = self.shared.chosen.lock();
                    let mut chosen = lock.unwrap_or_else(PoisonError::into_inner);
                    chosen.retain(|(n, _)| *n != name);
                    chosen.push((name, value));
                    drop(chosen);
                    self.tell(Status::Controls(device.controls()));
                }
                Err(e) => self.tell(Status::Refused(e)),
            }
        }
    }

    fn deliver(&self, packet: Packet) {
        let mut packet = packet;
        let bytes = packet.bytes();
        loop {
            if self.turn.abandoned() {
                return self.count(&packet, Cause::Device);
            }
            let mut backlog = self.shared.backlog.lock().unwrap_or_else(PoisonError::into_inner);
            let waiting = backlog.bytes_of(self.shared.packets.len());
            let most = self.shared.settings.queue_bytes;
            let sent = match waiting > 0 && waiting.saturating_add(bytes) > most {
                true => Err(TrySendError::Full(packet)),
                false => self.shared.packets.try_send(packet),
            };
            match sent {
                Ok(()) => return backlog.sent(bytes),
                // Nobody listens any more, so nothing is lost to anybody.
                Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(back)) if self.shared.settings.lossless => {
                    if self.shared.stopping() {
                        return self.count(&back, Cause::Queue);
                    }
                    packet = back;
                    drop(backlog);
                    self.turn.allow(self.shared.settings.stall);
                    std::thread::sleep(Duration::from_micros(500));
                }
                Err(TrySendError::Full(back)) => return self.count(&back, Cause::Queue),
            }
        }
    }

    fn count(&self, packet: &Packet, cause: Cause) {
        match packet {
            Packet::Frame(_) => self.shared.drops.add(cause, Unit::Frames, 1),
            Packet::Events(p) => {
                self.shared.drops.add(cause, Unit::Events, p.events.len() as u64);
                self.shared.drops.add(cause, Unit::Gaps, 1);
            }
        }
    }
}
