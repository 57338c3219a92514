//! The thread that turns packets of one or two cameras into exposures.

use super::Preprocessed;
use super::clock::{ClockSettings, FrameTimer, SyncState};
use super::preprocess::Preprocessor;
use super::sync::{SyncBuffer, SyncSettings, SyncStats, SyncedExposure};
use crate::camera::{DropCause, DropUnit, Drops, Packet};
use crate::panics::message;
use crate::rig::{Change, Changes, Input, Role};
use crate::time::{ClockMap, EventClock, HostClock, Timestamp};
use crossbeam_channel::{RecvTimeoutError, Select, Sender, unbounded};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// What the rig shows of itself.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
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
    /// What was done to packets before.
    pub conditioned: Preprocessed,
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

/// How often what the rig shows of itself is written anew, in microseconds.
const TELL_US: i64 = 10_000;

/// A running rig.
#[derive(Debug)]
pub struct Rig {
    state: Arc<Mutex<RigState>>,
    changes: Sender<Change>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Why the thread has ended before its sources.
    failure: Option<String>,
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
        sources: Vec<Input>,
        settings: RigSettings,
        drops: Drops,
        mut sink: impl FnMut(Arc<SyncedExposure>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let mut clocks = FrameTimer::new(settings.clock, drops.clone());
        let unread = drops.clone();
        let mut buffer = SyncBuffer::new(settings.sync, drops);
        let mut condition = Preprocessor::default();
        let (changes, asked) = unbounded();
        let state = Arc::new(Mutex::new(read(&clocks, &buffer, &condition)));
        let stop = Arc::new(AtomicBool::new(false));
        let (shown, stopping) = (state.clone(), stop.clone());
        let thread = Builder::new().name("rig".into()).spawn(move || {
            let (mut sources, mut told) = (sources, None);
            while !sources.is_empty() && !stopping.load(Ordering::Acquire) {
                for change in asked.try_iter() {
                    if matches!(change, Change::Align(_)) {
                        clocks.realigned();
                    }
                    condition.change(change);
                }
                match receive(&sources) {
                    Received::Packet(index, packet) => {
                        let input = sources.get(index);
                        match input.and_then(|input| condition.apply(input, packet)) {
                            Some(Packet::Events(packet)) => {
                                clocks.push_events(&packet);
                                buffer.push_events(packet);
                            }
                            Some(Packet::Frame(frame)) => clocks.push_frame(frame),
                            None => {}
                        }
                    }
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
                if told.is_none_or(|told: Timestamp<_>| now.since_us(told) > TELL_US) {
                    told = Some(now);
                    *shown.lock().unwrap_or_else(PoisonError::into_inner) =
                        read(&clocks, &buffer, &condition);
                }
            }
            sources.iter().for_each(|input| count_unread(input, &unread));
            clocks.finish().into_iter().for_each(|frame| buffer.push_frame(frame));
            buffer.finish().into_iter().for_each(|synced| sink(Arc::new(synced)));
            *shown.lock().unwrap_or_else(PoisonError::into_inner) =
                read(&clocks, &buffer, &condition);
        })?;
        Ok(Self { state, changes, stop, thread: Some(thread), failure: None })
    }

    /// How it does.
    pub fn state(&self) -> RigState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// To change how packets are prepared.
    pub fn changes(&self) -> Changes {
        Changes(self.changes.clone())
    }

    /// Waits for the thread to end, as it does once its sources have ended.
    ///
    /// # Errors
    /// It has panicked: in the sink, in a stage, or in the rig itself.
    pub fn join(&mut self) -> Result<(), String> {
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            self.failure = Some(message(&*panic));
        }
        self.failure.clone().map_or(Ok(()), Err)
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

/// Counts what a rig that was told to end leaves in a channel.
fn count_unread(input: &Input, drops: &Drops) {
    for packet in input.packets.try_iter() {
        match (packet, input.role) {
            (Packet::Events(_), Role::Frames) | (Packet::Frame(_), Role::Events) => {}
            (Packet::Frame(_), _) => drops.add(DropCause::Queue, DropUnit::Frames, 1),
            (Packet::Events(packet), _) => {
                drops.add(DropCause::Queue, DropUnit::Events, packet.events.len() as u64);
                drops.add(DropCause::Queue, DropUnit::Gaps, 1);
            }
        }
    }
}

fn read(clocks: &FrameTimer, buffer: &SyncBuffer, condition: &Preprocessor) -> RigState {
    RigState {
        sync: clocks.state(),
        buffer: buffer.stats(),
        relocks: clocks.relocks(),
        arrival: clocks.arrival(),
        conditioned: condition.told(),
    }
}

enum Received {
    Packet(usize, Packet),
    Over(usize),
    Nothing,
}

fn receive(sources: &[Input]) -> Received {
    if let [only] = sources {
        return match only.packets.recv_timeout(TICK) {
            Ok(packet) => Received::Packet(0, packet),
            Err(RecvTimeoutError::Timeout) => Received::Nothing,
            Err(RecvTimeoutError::Disconnected) => Received::Over(0),
        };
    }
    let mut select = Select::new();
    sources.iter().for_each(|s| {
        select.recv(&s.packets);
    });
    let Ok(operation) = select.select_timeout(TICK) else { return Received::Nothing };
    let index = operation.index();
    match sources.get(index).map(|s| operation.recv(&s.packets)) {
        Some(Ok(packet)) => Received::Packet(index, packet),
        _ => Received::Over(index),
    }
}
