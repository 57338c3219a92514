//! Tests how the words of event cameras are decoded: written as the cameras send them, read by the
//! driver over a simulated bus.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod inivation;

use crate::event_writers::{Evt3Writer, InivationWriter};
use crate::fake_usb::{
    Arrival, DAVIS, DVXPLORER, EVK4, FakeUsb, Feed, SILKYEVCAM_VGA, upright_davis,
};
use gem_live::camera::drivers::neuromorphic::{EventCamera, Format, Model, Orientation};
use gem_live::camera::{
    DeviceSelector, Driver, DropCause, DropUnit, Drops, EventPacket, FramePacket, FrameTiming,
    Packet,
};
use gem_live::event::{Event, TriggerEdge};
use gem_live::image::Size;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

fn event(t_us: i64, x: u16, y: u16, polarity: bool) -> Event {
    Event { t_us, x, y, polarity }
}

/// Everything that a device sends of a script, and what it counted.
struct Sent {
    packets: Vec<EventPacket>,
    frames: Vec<FramePacket>,
    drops: Drops,
}

impl Sent {
    fn of(models: &'static [Model], fake: &FakeUsb) -> Self {
        let drops = Drops::default();
        let driver = EventCamera::with_bus(models, Arc::new(fake.clone()));
        let mut device = driver.open(&DeviceSelector::default(), &drops).unwrap();
        let mut all = Vec::new();
        while fake.is_sending() {
            device.poll(Duration::from_millis(1), &mut all).unwrap();
        }
        let (mut packets, mut frames) = (Vec::new(), Vec::new());
        for packet in all {
            match packet {
                Packet::Events(packet) => packets.push(packet),
                Packet::Frame(frame) => frames.push(frame),
            }
        }
        let sent = Self { packets, frames, drops };
        sent.check_order();
        sent
    }

    /// From buffers without gaps.
    fn of_buffers(models: &'static [Model], format: Format, buffers: &[Vec<u8>]) -> Self {
        Self::of(models, &FakeUsb::script(models[0], format, buffers))
    }

    fn check_order(&self) {
        for packet in &self.packets {
            let range = packet.from.us()..packet.until.us();
            assert!(packet.events.iter().all(|e| range.contains(&e.t_us)), "{packet:?}");
            assert!(packet.edges.iter().all(|e| e.t.us() < packet.until.us()), "{packet:?}");
            assert!(packet.events.is_sorted_by_key(|e| e.t_us));
        }
        for pair in self.packets.windows(2).filter(|pair| pair[0].epoch == pair[1].epoch) {
            assert!(pair[0].until <= pair[1].from);
        }
    }

    fn events(&self) -> Vec<Event> {
        self.packets.iter().flat_map(|p| p.events.iter().copied()).collect()
    }

    fn edges(&self) -> Vec<(i64, TriggerEdge)> {
        let edges = self.packets.iter().flat_map(|p| &p.edges);
        edges.map(|edge| (edge.t.us(), edge.kind)).collect()
    }

    fn counted(&self, cause: DropCause, unit: DropUnit) -> u64 {
        self.drops.get(cause, unit)
    }
}

#[test]
fn evt3_is_decoded_with_vectors_triggers_and_all_of_the_sensor() {
    let mut writer = Evt3Writer::default();
    // Before the first time nothing is known.
    writer.event(1, 1, true);
    writer.time(5_000).event(0, 0, true).event(1_279, 719, false).trigger(true);
    writer.time(5_001).vector(1_000, 40, true, 1 | 1 << 11 | 1 << 12 | 1 << 31);
    writer.time(9_000).trigger(false).event(6, 7, true);
    let first = writer.take();
    // State continues from one buffer to the next.
    writer.event(8, 7, false).time(9_100);
    let sent = Sent::of_buffers(EVK4, Format::Evt3, &[first, writer.take()]);
    let expected = [
        event(5_000, 0, 0, true),
        event(5_000, 1_279, 719, false),
        event(5_001, 1_000, 40, true),
        event(5_001, 1_011, 40, true),
        event(5_001, 1_012, 40, true),
        event(5_001, 1_031, 40, true),
        event(9_000, 6, 7, true),
        event(9_000, 8, 7, false),
    ];
    assert_eq!(sent.events(), expected);
    assert_eq!(sent.edges(), [(5_000, TriggerEdge::Rising), (9_000, TriggerEdge::Falling)]);
    assert!(sent.packets.iter().all(|p| p.sensor == Size::new(1280, 720) && p.epoch == 0));
    assert_eq!(sent.drops.snapshot(), []);
}

#[test]
fn evt3_times_continue_when_their_24_bits_wrap() {
    let wrap_us = 1_i64 << 24;
    let times = [wrap_us - 4_200, wrap_us - 1, wrap_us, wrap_us + 9_000, 2 * wrap_us + 1];
    let mut writer = Evt3Writer::default();
    // Half a wrap is the longest step that the format can tell.
    let steps = |from: i64, to: i64| (from..to).step_by(1 << 20);
    let mut from_us = 0;
    let buffers: Vec<Vec<u8>> = times
        .iter()
        .map(|t_us| {
            for step in steps(from_us, *t_us) {
                writer.time(step);
            }
            from_us = *t_us;
            writer.time(*t_us).event(4, 4, true).take()
        })
        .chain([Evt3Writer::default().time(2).take()])
        .collect();
    let sent = Sent::of_buffers(EVK4, Format::Evt3, &buffers);
    assert_eq!(sent.events().iter().map(|e| e.t_us).collect::<Vec<_>>(), times);
    assert_eq!(sent.drops.snapshot(), []);
}

#[test]
fn evt3_events_beyond_the_sensor_and_those_of_the_limiter_are_counted() {
    let mut writer = Evt3Writer::default();
    writer.time(100).event(1_280, 0, true).event(0, 720, true).event(2_047, 2_047, false);
    // Twelve pixels, of which the last eight are beyond the edge.
    writer.vector(1_276, 10, true, 0xfff).counters(3_000_000, 2_999_000).time(300);
    writer.event(5, 5, true).counters(70, 70).time(400);
    let sent = Sent::of_buffers(EVK4, Format::Evt3, &[writer.take(), Evt3Writer::default().take()]);
    let at_edge = (1_276..1_280).map(|x| event(100, x, 10, true));
    assert_eq!(sent.events(), at_edge.chain([event(300, 5, 5, true)]).collect::<Vec<_>>());
    assert_eq!(sent.counted(DropCause::Malformed, DropUnit::Events), 3 + 8);
    assert_eq!(sent.counted(DropCause::Device, DropUnit::Events), 1_000);
    // Half of a word belongs to nothing.
    let sent = Sent::of_buffers(EVK4, Format::Evt3, &[vec![0; 7]]);
    assert_eq!(sent.counted(DropCause::Malformed, DropUnit::Gaps), 1);
}

#[test]
fn what_the_limiter_dropped_marks_the_time_since_the_last_packet() {
    let mut writer = Evt3Writer::default();
    let first = writer.time(1_000).event(1, 1, true).time(2_000).take();
    let second = writer.counters(500, 400).time(3_000).take();
    let third = writer.time(4_000).take();
    let sent = Sent::of_buffers(EVK4, Format::Evt3, &[first, second, third]);
    let marks: Vec<Option<i64>> =
        sent.packets.iter().map(|p| p.lost_since.map(|t| t.us())).collect();
    assert_eq!(marks, [None, Some(2_000), None]);
}

#[test]
fn a_gap_stays_open_until_the_time_is_known_again() {
    let mut writer = Evt3Writer::default();
    let first = writer.time(10_000).event(1, 1, true).time(11_000).take();
    let second = writer.event(2, 1, true).event(3, 1, true).take();
    writer.forget();
    let third = writer.time(20_000).event(4, 4, true).time(21_000).take();
    let arrivals = [arrival(first, false, 1), arrival(second, true, 2), arrival(third, false, 3)];
    let sent = Sent::of(EVK4, &with_gap(Model::Evk4, Format::Evt3, arrivals));
    let ranges: Vec<_> = sent.packets.iter().map(|p| (p.from.us(), p.until.us())).collect();
    assert_eq!(ranges, [(10_000, 11_000), (20_000, 21_000)]);
    assert_eq!(sent.events(), [event(10_000, 1, 1, true), event(20_000, 4, 4, true)]);
}

fn arrival(bytes: Vec<u8>, is_after_gap: bool, ms: u64) -> Arrival {
    Arrival { bytes, is_after_gap, after: Duration::from_millis(ms) }
}

fn with_gap(model: Model, format: Format, arrivals: [Arrival; 3]) -> FakeUsb {
    let fake = FakeUsb::new(model, format);
    fake.world().feed = Feed::Script(VecDeque::from(arrivals));
    fake
}

#[test]
fn evt3_continues_after_a_short_gap_and_begins_an_epoch_after_a_long_one() {
    for (gap_ms, continues) in [(30, true), (9_000, false)] {
        let mut writer = Evt3Writer::default();
        let first = writer.time(10_000).event(1, 1, true).time(11_000).take();
        // In the middle of a stream: row and time of the first events are not in the buffer.
        writer.time(40_000).event(9, 9, true).take();
        let mut second = writer.event(10, 9, true).time(41_000).event(11, 9, true).take();
        writer.forget();
        second.extend(writer.time(42_000).event(12, 12, false).time(43_000).take());
        let third = writer.time(44_000).take();
        let fake = with_gap(
            Model::Evk4,
            Format::Evt3,
            [arrival(first, false, 1), arrival(second, true, gap_ms), arrival(third, false, 9_001)],
        );
        let sent = Sent::of(EVK4, &fake);
        assert_eq!(sent.events(), [event(10_000, 1, 1, true), event(42_000, 12, 12, false)]);
        assert_eq!(sent.counted(DropCause::Queue, DropUnit::Gaps), 1);
        let [before, after] = [&sent.packets[0], &sent.packets[1]];
        assert_eq!(before.until.us(), 11_000);
        // The time is known from the first pair of its words on, in a new epoch from the first event on.
        let from_us = if continues { 41_000 } else { 42_000 };
        assert_eq!((after.epoch > before.epoch, after.from.us()), (!continues, from_us));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_events_come_out_of_any_buffers_as_they_were_sent(
        steps in prop::collection::vec((0_i64..3_000, 0_u16..640, 0_u16..480, any::<bool>()), 1..80),
        cut in 1_usize..64,
        which in 0_usize..3,
    ) {
        let (mut evt3, mut words) = (Evt3Writer::default(), InivationWriter::default());
        let (mut t_us, mut expected) = (70_000, Vec::new());
        let (models, format) = [
            (SILKYEVCAM_VGA, Format::Evt3),
            (DVXPLORER, Format::Dvxplorer),
            (DAVIS, upright_davis()),
        ][which];
        for (step_us, x, y, on) in steps {
            t_us += step_us;
            let (x, y) = if models == DAVIS { (x % 346, y % 260) } else { (x, y) };
            expected.push(event(t_us, x, y, on));
            match format {
                Format::Evt3 => { evt3.time(t_us).event(x, y, on); }
                Format::Dvxplorer => { words.time(t_us).groups(x, y / 8, 1 << (y % 8), on); }
                Format::Davis346 { .. } => { words.time(t_us).event(x, y, on); }
            }
        }
        evt3.time(t_us + 1);
        words.time(t_us + 1);
        let bytes = if which == 0 { evt3.take() } else { words.take() };
        let buffers: Vec<Vec<u8>> = bytes.chunks(2 * cut).map(<[u8]>::to_vec).collect();
        let sent = Sent::of_buffers(models, format, &buffers);
        prop_assert_eq!(sent.events(), expected);
        prop_assert_eq!(sent.drops.snapshot(), []);
    }
}
