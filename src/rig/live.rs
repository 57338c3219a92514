//! The thread that turns packets of one or two cameras into exposures.

use super::clock::{ClockSettings, Clocks, SyncState};
use super::sync::{SyncBuffer, SyncSettings, SyncStats, Synced};
use crate::camera::{Drops, Packet};
use crate::time::{ClockMap, EventClock, HostClock, Timestamp};
use crossbeam_channel::{Receiver, RecvTimeoutError, Select};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// What the rig shows of itself.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct RigState {
    /// How frames are timed.
    pub sync: SyncState,
    /// What the buffer has done.
    pub buffer: SyncStats,
    /// How often pulses and frames came out of step.
    pub relocks: u64,
    /// When what happens on the event camera's clock can be known here at the earliest.
    #[serde(skip)]
    pub arrival: Option<ClockMap<EventClock, HostClock>>,
}

/// How a rig works.
#[derive(Clone, Copy, Debug, Default)]
pub struct RigSettings {
    /// Of the clocks.
    pub clock: ClockSettings,
    /// Of the buffer.
    pub sync: SyncSettings,
}

/// How long the thread waits for packets before it looks at what is overdue.
const TICK: Duration = Duration::from_millis(5);

/// A running rig.
#[derive(Debug)]
pub struct Rig {
    state: Arc<Mutex<RigState>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Rig {
    /// Starts the thread, which calls `sink` with every exposure, in order.
    ///
    /// `sink` must not block: a slot where the newest wins, a recorder that counts what it
    /// cannot take. The thread ends, and lets everything go that still waits, when all
    /// `sources` have ended.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        sources: Vec<Receiver<Packet>>,
        settings: RigSettings,
        drops: Drops,
        mut sink: impl FnMut(Arc<Synced>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let mut clocks = Clocks::new(settings.clock, drops.clone());
        let mut buffer = SyncBuffer::new(settings.sync, drops);
        let state = Arc::new(Mutex::new(read(&clocks, &buffer)));
        let stop = Arc::new(AtomicBool::new(false));
        let (shown, stopping) = (state.clone(), stop.clone());
        let thread = Builder::new().name("rig".into()).spawn(move || {
            let mut sources = sources;
            while !sources.is_empty() && !stopping.load(Ordering::Acquire) {
                match receive(&sources) {
                    Received::Packet(Packet::Events(packet)) => {
                        clocks.push_events(&packet);
                        buffer.push_events(packet);
                    }
                    Received::Packet(Packet::Frame(frame)) => clocks.push_frame(frame),
                    Received::Over(index) => {
                        sources.remove(index);
                    }
                    Received::Nothing => {}
                }
                let now = Timestamp::now();
                while let Some(frame) = clocks.pop(now) {
                    buffer.push_frame(frame);
                }
                while let Some(synced) = buffer.pop(now) {
                    sink(Arc::new(synced));
                }
                *shown.lock().unwrap_or_else(PoisonError::into_inner) = read(&clocks, &buffer);
            }
            buffer.finish().into_iter().for_each(|synced| sink(Arc::new(synced)));
            *shown.lock().unwrap_or_else(PoisonError::into_inner) = read(&clocks, &buffer);
        })?;
        Ok(Self { state, stop, thread: Some(thread) })
    }

    /// How it does.
    pub fn state(&self) -> RigState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the thread has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // It waits for nothing longer than a tick, and the sink must not block.
            let _ = thread.join();
        }
    }
}

fn read(clocks: &Clocks, buffer: &SyncBuffer) -> RigState {
    RigState {
        sync: clocks.state(),
        buffer: buffer.stats(),
        relocks: clocks.relocks(),
        arrival: clocks.arrival(),
    }
}

enum Received {
    Packet(Packet),
    Over(usize),
    Nothing,
}

fn receive(sources: &[Receiver<Packet>]) -> Received {
    if let [only] = sources {
        return match only.recv_timeout(TICK) {
            Ok(packet) => Received::Packet(packet),
            Err(RecvTimeoutError::Timeout) => Received::Nothing,
            Err(RecvTimeoutError::Disconnected) => Received::Over(0),
        };
    }
    let mut select = Select::new();
    sources.iter().for_each(|s| {
        select.recv(s);
    });
    let Ok(operation) = select.select_timeout(TICK) else { return Received::Nothing };
    let index = operation.index();
    match sources.get(index).map(|s| operation.recv(s)) {
        Some(Ok(packet)) => Received::Packet(packet),
        _ => Received::Over(index),
    }
}
