//! Single streams: frames beside the events of another camera, frames of more than eight bits,
//! events that were overtaken, and senders that state nonsense.

use super::*;
use crate::aedat4::Stream;
use gem_live::camera::Device;
use gem_live::camera::split::StreamKind;
use gem_live::time::Timestamp;

/// Opens a camera and sends it a stream. The connection must be kept.
fn open(
    dv: &Dv,
    drops: &Drops,
    listener: &TcpListener,
    stream: &Writer,
) -> (Box<dyn Device>, TcpStream) {
    std::thread::scope(|s| {
        let opened = s.spawn(|| dv.open(&DeviceSelector::default(), drops));
        let client = send(listener, stream);
        (opened.join().unwrap().unwrap(), client)
    })
}

/// A frame of 16-bit samples that all have the same value.
fn frame_16(t_us: i64, value: u16) -> Frame {
    let pixels = (0..48 * 32).flat_map(|_| value.to_le_bytes()).collect();
    Frame { format: 2, pixels, ..frame(t_us, 1_000) }
}

#[test]
fn frames_beside_another_event_camera_are_on_their_own_clock() {
    let (listener, number) = port();
    let mut pictures = Writer::new(Packing::Plain, &[stream(0, "FRME", CAMERA)]);
    pictures.frame(0, &frame(5_000, 10_000));
    // The port of the events is not connected to.
    let dv = Dv::parse(&format!("127.0.0.1:1,{number}")).unwrap();
    let dv = dv.only(StreamKind::Frames).unwrap();
    let drops = Drops::default();
    let (mut device, _client) = open(&dv, &drops, &listener, &pictures);
    let (packets, failed) = poll(device.as_mut(), |out| !out.is_empty());
    assert_eq!(failed, None);
    let Packet::Frame(frame) = &packets[0] else { panic!("{packets:?}") };
    let start = Timestamp::from_us(5_000);
    assert_eq!(frame.timing, FrameTiming::Frames { start, exposure_us: 10_000 });
}

#[test]
fn a_dark_frame_of_twelve_bits_is_as_dark_as_it_was_sent() {
    let (listener, number) = port();
    let mut pictures = Writer::new(Packing::Plain, &[stream(0, "FRME", CAMERA)]);
    // Alone, the second frame could be one of ten bits, and four times as bright.
    pictures.frame(0, &frame_16(5_000, 3_000)).frame(0, &frame_16(25_000, 480));
    let dv = Dv::parse(&format!("127.0.0.1:1,{number}")).unwrap();
    let dv = dv.only(StreamKind::Frames).unwrap();
    let drops = Drops::default();
    let (mut device, _client) = open(&dv, &drops, &listener, &pictures);
    let (packets, failed) = poll(device.as_mut(), |out| out.len() == 2);
    assert_eq!(failed, None);
    let brightness = packets.iter().map(|packet| match packet {
        Packet::Frame(frame) => frame.picture.data()[0],
        Packet::Events(_) => panic!("no events were sent"),
    });
    assert_eq!(brightness.collect::<Vec<u8>>(), [188, 30]);
}

#[test]
fn events_that_were_overtaken_are_late_and_the_others_of_their_packet_are_used() {
    let (listener, number) = port();
    let mut sent = Writer::new(Packing::Plain, &[stream(0, "EVTS", CAMERA)]);
    sent.events(0, &[event(1_000, 1), event(2_000, 2)]);
    // Begins before the end of the first packet.
    sent.events(0, &[event(1_500, 3), event(1_999, 4), event(2_500, 5), event(3_000, 6)]);
    // Lies before it as a whole.
    sent.events(0, &[event(2_900, 7)]);
    let dv = Dv::parse(&format!("127.0.0.1:{number}")).unwrap();
    let drops = Drops::default();
    let (mut device, _client) = open(&dv, &drops, &listener, &sent);
    let late = || drops.get(DropCause::Late, DropUnit::Events);
    let (packets, failed) = poll(device.as_mut(), |out| all_events(out).len() == 3 && late() == 3);
    assert_eq!(failed, None);
    assert_eq!(all_events(&packets), [1_000, 2_000, 2_500]);
    for packet in &packets {
        let Packet::Events(packet) = packet else { panic!("no frames were sent") };
        let range = packet.from.us()..packet.until.us();
        assert!(packet.events.iter().all(|e| range.contains(&e.t_us)), "{packet:?}");
    }
    assert_eq!(drops.total(DropUnit::Events), 3);
}

#[test]
fn impossible_sizes_are_refused_and_impossible_times_are_counted() {
    let (listener, number) = port();
    let dv = Dv::parse(&format!("127.0.0.1:{number}")).unwrap();
    let drops = Drops::default();
    let huge = Stream { size: Some((1_000_000, 1_000_000)), ..stream(0, "EVTS", CAMERA) };
    let refused = std::thread::scope(|s| {
        let opened = s.spawn(|| dv.open(&DeviceSelector::default(), &drops).map(drop));
        let _client = send(&listener, &Writer::new(Packing::Plain, &[huge]));
        opened.join().unwrap().unwrap_err()
    });
    let size = "1000000x1000000";
    assert!(matches!(&refused, DeviceError::Unusable(why) if why.contains(size)), "{refused}");
    let mut sent = Writer::new(Packing::Plain, &[stream(0, "EVTS", CAMERA)]);
    sent.events(0, &[event(i64::MIN, 1), event(1_000, 2), event(2_000, 3), event(i64::MAX, 4)]);
    let (mut device, _client) = open(&dv, &drops, &listener, &sent);
    let (packets, failed) = poll(device.as_mut(), |out| !out.is_empty());
    assert_eq!(failed, None);
    assert_eq!(all_events(&packets), [1_000]);
    assert_eq!(drops.get(DropCause::Malformed, DropUnit::Events), 2);
}

#[test]
fn a_program_that_sends_nothing_is_described_in_words() {
    let (listener, number) = port();
    let dv = Dv::parse(&format!("127.0.0.1:{number}")).unwrap();
    let absent = std::thread::scope(|s| {
        let opened = s.spawn(|| dv.open(&DeviceSelector::default(), &Drops::default()).map(drop));
        let _silent = listener.accept().unwrap();
        opened.join().unwrap().unwrap_err()
    });
    let DeviceError::NotFound(why) = &absent else { panic!("{absent}") };
    assert!(why.contains("sends nothing") && !why.contains("os error"), "{why}");
}
