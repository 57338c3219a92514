//! DV's live streams: frames and events in order, clocks that are reset, senders that go and return.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod conformance;
mod streams;

use crate::aedat4::{Frame, Packing, Writer, stream};
use crate::conformance::{Bench, conforms};
use gem_live::camera::drivers::dv::Dv;
use gem_live::camera::{
    DeviceError, DeviceSelector, Driver, DropCause, DropUnit, Drops, FrameTiming, Packet,
};
use gem_live::event::Event;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const CAMERA: &str = "DAVIS346_00000007";

fn event(t_us: i64, x: u16) -> Event {
    Event { t_us, x, y: 3, polarity: x.is_multiple_of(2) }
}

fn frame(t_us: i64, exposure_us: i64) -> Frame {
    Frame {
        t_us,
        exposure_us,
        format: 0,
        size: (48, 32),
        position: (0, 0),
        source: 1,
        pixels: vec![99; 48 * 32],
    }
}

/// A port, and its number.
fn port() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = listener.local_addr().unwrap().port();
    (listener, number)
}

/// A port that refuses connections while the sockets are kept: it is an end of a connection, so that
/// no other program is given it.
fn refusing_port() -> ((TcpListener, TcpStream), u16) {
    let (listener, number) = port();
    let client = TcpStream::connect(("127.0.0.1", number)).unwrap();
    let refusing = client.local_addr().unwrap().port();
    ((listener, client), refusing)
}

/// Sends a stream to the next client, and keeps the connection.
fn send(listener: &TcpListener, stream: &Writer) -> TcpStream {
    let (mut client, _) = listener.accept().unwrap();
    client.write_all(&stream.live()).unwrap();
    client
}

/// Polls until `enough` holds or the device fails.
fn poll(
    device: &mut dyn gem_live::camera::Device,
    enough: impl Fn(&[Packet]) -> bool,
) -> (Vec<Packet>, Option<DeviceError>) {
    let (mut out, until) = (Vec::new(), Instant::now() + Duration::from_secs(20));
    while !enough(&out) {
        assert!(Instant::now() < until, "too few packets: {out:?}");
        let mut some = Vec::new();
        let result = device.poll(Duration::from_millis(20), &mut some);
        out.append(&mut some);
        if let Err(e) = result {
            return (out, Some(e));
        }
    }
    (out, None)
}

fn all_events(packets: &[Packet]) -> Vec<i64> {
    let times = packets.iter().filter_map(|p| match p {
        Packet::Events(p) => Some(p.events.iter().map(|e| e.t_us).collect::<Vec<_>>()),
        Packet::Frame(_) => None,
    });
    times.flatten().collect()
}

#[test]
fn frames_and_events_of_two_ports_share_a_clock() {
    let ((events, events_port), (frames, frames_port)) = (port(), port());
    for packing in [Packing::Plain, Packing::Lz4] {
        let mut sent = Writer::new(packing, &[stream(0, "EVTS", CAMERA)]);
        let list: Vec<Event> = (0..300).map(|i| event(1_000 + 100 * i, i as u16 % 48)).collect();
        // The sensor has 48 columns: the last event lies outside.
        sent.events(0, &list[..150]).events(0, &list[150..]).events(0, &[event(31_500, 48)]);
        let mut pictures = Writer::new(packing, &[stream(0, "FRME", CAMERA)]);
        pictures.frame(0, &frame(5_000, 10_000)).frame(0, &frame(25_000, 0));
        let dv = Dv::parse(&format!("127.0.0.1:{events_port},{frames_port}")).unwrap();
        let drops = Drops::default();
        let opening = std::thread::scope(|s| {
            let opened = s.spawn(|| dv.open(&DeviceSelector::default(), &drops));
            let clients = (send(&events, &sent), send(&frames, &pictures));
            (opened.join().unwrap(), clients)
        });
        let (device, clients) = opening;
        let mut device = device.unwrap();
        assert_eq!(device.identity().serial, CAMERA);
        let has_all = |out: &[Packet]| {
            all_events(out).len() >= 299 && out.iter().any(|p| matches!(p, Packet::Frame(_)))
        };
        let (packets, failed) = poll(device.as_mut(), has_all);
        assert_eq!(failed, None);
        // The last microsecond is held back: more of its events may follow.
        assert_eq!(
            all_events(&packets)[..299],
            list[..299].iter().map(|e| e.t_us).collect::<Vec<_>>()
        );
        let mut until = None;
        for packet in &packets {
            match packet {
                Packet::Events(p) => {
                    assert!(until.is_none_or(|u| u == p.from), "a gap before {:?}", p.from);
                    assert!(
                        p.events.iter().all(|e| e.t_us >= p.from.us() && e.t_us < p.until.us())
                    );
                    until = Some(p.until);
                }
                Packet::Frame(f) => {
                    let FrameTiming::Events { start, end } = f.timing else {
                        panic!("{:?}", f.timing)
                    };
                    assert_eq!((start.us(), end.us()), (5_000, 15_000));
                    assert_eq!(f.picture.data()[0], 99);
                }
            }
        }
        // The frame without an exposure time and the event outside were counted.
        drop(clients);
        let (_, failed) = poll(device.as_mut(), |_| false);
        assert!(matches!(failed, Some(DeviceError::NotFound(why)) if why.contains("ended")));
        assert_eq!(drops.get(DropCause::Malformed, DropUnit::Frames), 1);
        assert_eq!(drops.get(DropCause::Malformed, DropUnit::Events), 1);
    }
}

#[cfg(unix)]
#[test]
fn unix_sockets_deliver_what_ports_deliver() {
    use std::os::unix::net::{UnixListener, UnixStream};
    let folder = tempfile::tempdir().unwrap();
    let paths = ["events", "frames"].map(|name| folder.path().join(name));
    let dv = Dv::parse(&format!("{},{}", paths[0].display(), paths[1].display())).unwrap();
    let drops = Drops::default();
    let open = || dv.open(&DeviceSelector::default(), &drops);
    let absent = open().map(drop).unwrap_err();
    assert!(matches!(&absent, DeviceError::NotFound(why) if why.contains("events")), "{absent}");

    let list: Vec<Event> = (0..300).map(|i| event(1_000 + 100 * i, i as u16 % 48)).collect();
    let mut sent = Writer::new(Packing::Lz4, &[stream(0, "EVTS", CAMERA)]);
    sent.events(0, &list);
    let mut pictures = Writer::new(Packing::Lz4, &[stream(0, "FRME", CAMERA)]);
    pictures.frame(0, &frame(5_000, 10_000));
    let listeners = paths.map(|path| UnixListener::bind(path).unwrap());
    let serve = |(listener, stream): (&UnixListener, &Writer)| -> UnixStream {
        let (mut client, _) = listener.accept().unwrap();
        client.write_all(&stream.live()).unwrap();
        client
    };
    let (device, clients) = std::thread::scope(|s| {
        let opened = s.spawn(open);
        let clients: Vec<_> = listeners.iter().zip([&sent, &pictures]).map(serve).collect();
        (opened.join().unwrap(), clients)
    });
    let mut device = device.unwrap();
    assert_eq!(device.identity().serial, CAMERA);
    let has_all = |out: &[Packet]| {
        all_events(out).len() >= 299 && out.iter().any(|p| matches!(p, Packet::Frame(_)))
    };
    let (packets, failed) = poll(device.as_mut(), has_all);
    assert_eq!(failed, None);
    let expected: Vec<i64> = list[..299].iter().map(|e| e.t_us).collect();
    assert_eq!(all_events(&packets)[..299], expected);
    drop(clients);
    let (_, failed) = poll(device.as_mut(), |_| false);
    assert!(matches!(failed, Some(DeviceError::NotFound(why)) if why.contains("ended")));
}

#[test]
fn a_still_scene_completes_a_frame_and_a_clock_that_is_set_back_begins_an_epoch() {
    let ((events, events_port), (frames, frames_port)) = (port(), port());
    let mut sent = Writer::new(Packing::Plain, &[stream(0, "EVTS", CAMERA)]);
    sent.events(0, &[event(9_000_000, 1), event(9_000_100, 2)]);
    let mut pictures = Writer::new(Packing::Plain, &[stream(0, "FRME", CAMERA)]);
    pictures.frame(0, &frame(9_010_000, 10_000));
    let dv = Dv::parse(&format!("127.0.0.1:{events_port},{frames_port}")).unwrap();
    let drops = Drops::default();
    let (device, clients) = std::thread::scope(|s| {
        let opened = s.spawn(|| dv.open(&DeviceSelector::default(), &drops));
        let clients = (send(&events, &sent), send(&frames, &pictures));
        (opened.join().unwrap(), clients)
    });
    let mut device = device.unwrap();
    let complete = |out: &[Packet]| {
        out.iter().any(|p| matches!(p, Packet::Events(p) if p.until.us() > 9_020_000))
    };
    let (first, failed) = poll(device.as_mut(), complete);
    assert_eq!(failed, None);
    let epoch = |p: &Packet| match p {
        Packet::Events(p) => p.epoch,
        Packet::Frame(f) => f.epoch,
    };
    let before = epoch(&first[0]);
    assert!(first.iter().all(|p| epoch(p) == before));

    // The clock was reset: a new stream of packets with small times.
    let mut again = Writer::new(Packing::Plain, &[stream(0, "EVTS", CAMERA)]);
    let header = again.live().len();
    again.events(0, &[event(10, 1), event(20, 2)]);
    let (mut client, frames_client) = clients;
    client.write_all(&again.live()[header..]).unwrap();
    let (second, _) = poll(device.as_mut(), |out| !all_events(out).is_empty());
    let last = second.last().unwrap();
    assert!(epoch(last) > before && all_events(&second) == [10], "{second:?}");
    drop(frames_client);
}

#[test]
fn triggers_of_their_own_port_come_with_the_events_of_their_time() {
    let ((events, events_port), (triggers, triggers_port)) = (port(), port());
    let mut sent = Writer::new(Packing::Plain, &[stream(0, "EVTS", CAMERA)]);
    sent.events(0, &[event(1_000, 1), event(2_000, 2), event(3_000, 3)]);
    let mut edges = Writer::new(Packing::Plain, &[stream(0, "TRIG", CAMERA)]);
    edges.triggers(0, &[(1_500, 1), (2_500, 2)]);
    let dv = Dv::parse(&format!("127.0.0.1:{events_port},,{triggers_port}")).unwrap();
    let drops = Drops::default();
    let (device, _clients) = std::thread::scope(|s| {
        let opened = s.spawn(|| dv.open(&DeviceSelector::default(), &drops));
        let clients = (send(&events, &sent), send(&triggers, &edges));
        (opened.join().unwrap(), clients)
    });
    let mut device = device.unwrap();
    let (packets, _) = poll(device.as_mut(), |out| !out.is_empty());
    let Packet::Events(packet) = &packets[0] else { panic!("{packets:?}") };
    let times: Vec<i64> = packet.edges.iter().map(|e| e.t.us()).collect();
    assert_eq!(times, [1_500, 2_500]);
}

#[test]
fn what_is_no_stream_is_named_and_what_is_not_there_is_tried_again() {
    let (listener, number) = port();
    let drops = Drops::default();
    let open = |text: String| {
        Dv::parse(&text).unwrap().open(&DeviceSelector::default(), &drops).map(drop).unwrap_err()
    };
    let answer = |bytes: &[u8]| {
        std::thread::scope(|s| {
            let opened = s.spawn(|| open(format!("127.0.0.1:{number}")));
            let (mut client, _) = listener.accept().unwrap();
            client.write_all(bytes).unwrap();
            drop(client);
            opened.join().unwrap()
        })
    };
    let web = answer(b"HTTP/1.1 400 Bad Request\r\n\r\n and more than enough bytes to be a header");
    assert!(
        matches!(&web, DeviceError::Unusable(why) if why.contains("is not a DV stream")),
        "{web}"
    );
    let frames = Writer::new(Packing::Plain, &[stream(0, "FRME", CAMERA)]).live();
    let wrong = answer(&frames);
    let named = "carries FRME instead of events (EVTS)";
    assert!(matches!(&wrong, DeviceError::Unusable(why) if why.contains(named)), "{wrong}");
    let cut = answer(&frames[..40]);
    assert!(matches!(&cut, DeviceError::NotFound(_)), "{cut}");
    let (_kept, refusing) = refusing_port();
    let absent = open(format!("127.0.0.1:{refusing}"));
    assert!(matches!(&absent, DeviceError::NotFound(why) if why.contains("NetworkWriter")));
}
