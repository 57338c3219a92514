//! A simulated rig in simulated time, as fast as it can be computed: two clocks that drift, USB
//! jitter, an unknown readout time, and faults of clocks and cables.

#![allow(
    dead_code,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "every test uses its part, and may fail by panicking"
)]

use gem_live::camera::{Drops, EventPacket, FramePacket, FrameTiming};
use gem_live::event::{Event, Trigger, TriggerEdge};
use gem_live::image::Size;
use gem_live::rig::clock::{ClockSettings, FrameTimer, SyncState};
use gem_live::simulate::rig::{Jitter, Period, RigModel, RigWorld};
use gem_live::time::Timestamp;
use std::collections::VecDeque;
use std::ops::Range;

/// Duration of an event packet.
const PACKET_US: i64 = 4_000;
/// Mean delay of a transfer over USB.
const JITTER_US: f64 = 2_000.0;

/// Small frames, in which edges are still several pixels long.
pub fn model(seed: u64) -> RigModel {
    RigModel::new(Size::new(144, 96), seed)
}

/// Renders some periods, which are repeated: rendering ten minutes would take too long.
pub fn world(model: RigModel, periods: usize) -> Vec<Period> {
    let mut world = RigWorld::new(model).unwrap();
    (0..periods).map(|_| world.period().unwrap()).collect()
}

/// A fault of the rig, at a point in true time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The event camera's clock jumps by this many microseconds, without a notification.
    EventsJump(i64),
    /// The same for the frame camera's clock.
    FramesJump(i64),
    /// The event camera is unplugged, and returns two seconds later with its clock at zero.
    EventsAnew,
    /// The same for the frame camera, whose frame counter restarts too.
    FramesAnew,
    /// The sync cable is plugged in (`true`) or pulled.
    Cable(bool),
}

/// Time between being unplugged and sending again.
pub const AWAY_US: i64 = 2_000_000;

/// A simulated run.
pub struct Play<'a> {
    pub model: RigModel,
    pub world: &'a [Period],
    pub settings: ClockSettings,
    /// From the closing of the shutter to the frame's arrival: readout and transfer.
    pub readout_us: i64,
    /// Whether frames have timestamps of their camera's clock.
    pub stamped: bool,
    pub faults: Vec<(i64, Fault)>,
}

/// One frame with its estimated time.
#[derive(Clone, Copy, Debug)]
pub struct TimedFrame {
    /// Start of its exposure in true time.
    pub true_us: i64,
    /// Error of its estimated start, in the event camera's clock.
    pub error_us: f64,
    /// How the rig was synchronised at that time.
    pub state: SyncState,
}

/// A packet that leaves a camera.
pub enum Sent {
    Events(EventPacket),
    /// A frame, with the start of its exposure in true time and in the event camera's clock.
    Frame(FramePacket, i64, i64),
}

/// Offset and epoch of a clock, as changed by faults.
#[derive(Clone, Copy, Default)]
struct Shift {
    us: i64,
    epoch: u32,
    first: u64,
    away_until_us: i64,
}

impl Play<'_> {
    /// A rig without a sync cable.
    pub fn new(model: RigModel, world: &[Period]) -> Play<'_> {
        let settings = ClockSettings::default();
        Play { model, world, settings, readout_us: 11_000, stamped: true, faults: Vec::new() }
    }

    /// The period with this number, moved to its time.
    fn period(&self, number: usize) -> Period {
        let period = &self.world[number % self.world.len()];
        let by_us = number as i64 * self.model.period_us - period.start_us;
        let moved = |e: &Event| Event { t_us: e.t_us + by_us, ..*e };
        Period {
            number: number as u64,
            start_us: period.start_us + by_us,
            end_us: period.end_us + by_us,
            next_us: period.next_us + by_us,
            events: period.events.iter().map(moved).collect(),
            ..period.clone()
        }
    }

    /// Runs for this many frames.
    pub fn run(&self, frames: usize) -> Vec<TimedFrame> {
        let mut clocks = FrameTimer::new(self.settings, Drops::default());
        let (mut timed_frames, mut expected) = (Vec::new(), VecDeque::new());
        self.send(0..frames, |now_us, sent| {
            match sent {
                Sent::Events(events) => clocks.push_events(&events),
                Sent::Frame(frame, true_us, expected_us) => {
                    expected.push_back((true_us, expected_us));
                    clocks.push_frame(frame);
                }
            }
            while let Some(timed) = clocks.pop(Timestamp::from_us(now_us)) {
                // Frames are returned in order, and none is lost.
                let (true_us, expected_us) = expected.pop_front().unwrap();
                let error_us = (timed.start.us() - expected_us) as f64;
                timed_frames.push(TimedFrame { true_us, error_us, state: clocks.state() });
            }
        });
        timed_frames
    }

    /// Sends what the cameras see during a range of frames, in the order of arrival.
    pub fn send(&self, frames: Range<usize>, mut arrive: impl FnMut(i64, Sent)) {
        let model = self.model;
        let (mut frame_jitter, mut event_jitter) =
            (Jitter::new(3, JITTER_US), Jitter::new(4, JITTER_US));
        let (mut last_event, mut last_frame) = (0_i64, 0_i64);
        let (mut events, mut frame_clock, mut cable) = (Shift::default(), Shift::default(), false);
        let mut faults = self.faults.iter().copied().peekable();
        for period in frames.map(|n| self.period(n)) {
            while let Some((_, fault)) = faults.next_if(|(us, _)| *us <= period.start_us) {
                let now_us = period.start_us;
                match fault {
                    Fault::EventsJump(us) => events.us += us,
                    Fault::FramesJump(us) => frame_clock.us += us,
                    Fault::EventsAnew => {
                        let away_until_us = now_us + AWAY_US;
                        let us = -model.event_us(away_until_us);
                        events = Shift { us, epoch: events.epoch + 1, away_until_us, first: 0 };
                    }
                    Fault::FramesAnew => {
                        let away_until_us = now_us + AWAY_US;
                        let us = -model.frame_us(away_until_us);
                        let first = (away_until_us / model.period_us) as u64 + 1;
                        let epoch = frame_clock.epoch + 1;
                        frame_clock = Shift { us, epoch, away_until_us, first };
                    }
                    Fault::Cable(on) => cable = on,
                }
            }
            let event_us = |true_us: i64| model.event_us(true_us) + events.us;
            // Packets with their arrival times; on one cable none overtakes another.
            let mut sent: Vec<(i64, Sent)> = Vec::new();
            let mut from_us = period.start_us;
            while from_us < period.next_us {
                let until_us = (from_us + PACKET_US).min(period.next_us);
                if from_us < events.away_until_us {
                    from_us = until_us;
                    continue;
                }
                last_event = last_event.max(until_us + event_jitter.delay_us() as i64);
                let (from, until) = (event_us(from_us), event_us(until_us));
                let inside = |us: i64| (from_us..until_us).contains(&us);
                let of_packet = period.events.iter().filter(|e| inside(e.t_us));
                let on_clock =
                    |e: &Event| Event { t_us: event_us(e.t_us).clamp(from, until - 1), ..*e };
                let edges =
                    [(period.start_us, TriggerEdge::Rising), (period.end_us, TriggerEdge::Falling)];
                let edges = edges.into_iter().filter(|(us, _)| cable && inside(*us));
                let edge = |(us, kind)| Trigger { t: Timestamp::from_us(event_us(us)), kind };
                let packet = EventPacket {
                    epoch: events.epoch,
                    from: Timestamp::from_us(from),
                    until: Timestamp::from_us(until),
                    arrived: Timestamp::from_us(last_event),
                    events: of_packet.map(on_clock).collect(),
                    edges: edges.map(edge).collect(),
                    sensor: model.sensor,
                    lost_since: None,
                };
                sent.push((last_event, Sent::Events(packet)));
                from_us = until_us;
            }
            if period.start_us >= frame_clock.away_until_us {
                last_frame = last_frame
                    .max(period.end_us + self.readout_us + frame_jitter.delay_us() as i64);
                let exposure_us = period.end_us - period.start_us;
                let start = Timestamp::from_us(model.frame_us(period.start_us) + frame_clock.us);
                let frame = FramePacket {
                    epoch: frame_clock.epoch,
                    sequence: period.number.saturating_sub(frame_clock.first),
                    timing: match self.stamped {
                        true => FrameTiming::Frames { start, exposure_us },
                        false => FrameTiming::Arrival { exposure_us },
                    },
                    arrived: Timestamp::from_us(last_frame),
                    picture: period.frame,
                    truth: None,
                    contrast: None,
                };
                let expected_us = event_us(period.start_us);
                sent.push((last_frame, Sent::Frame(frame, period.start_us, expected_us)));
            }
            sent.sort_by_key(|(us, _)| *us);
            sent.into_iter().for_each(|(now_us, packet)| arrive(now_us, packet));
        }
    }
}

/// The largest error, in microseconds.
pub fn worst(timed_frames: &[TimedFrame]) -> f64 {
    timed_frames.iter().map(|t| t.error_us.abs()).fold(0.0, f64::max)
}
