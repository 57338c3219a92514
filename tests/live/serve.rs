//! Restored frames for other programs: what is sent is what was restored, and no client delays it.

mod connections;

use gem_live::camera::drivers::dv::Dv;
use gem_live::camera::split::StreamKind;
use gem_live::camera::{Device, DeviceSelector, Driver, Drops, FrameTiming, Packet};
use gem_live::event::Event;
use gem_live::exposure::Exposure;
use gem_live::image::{ImageU8, Size};
use gem_live::live::serve::{DvServer, ServeAddress, ServeError};
use gem_live::live::{
    ExposureSource, FrameOutput, LiveFrame, MakeRestorer, Next, Parts, Pipeline, Restorer, Shape,
    SourceError, pass_through,
};
use gem_live::time::TimeRange;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

const SIZE: Size = Size::new(24, 10);
const SENSOR: Size = Size::new(12, 5);
const EXPOSURE_US: i64 = 20_000;
const PERIOD_US: i64 = 40_000;
/// Time of the first exposure's start.
const FIRST_US: i64 = 5_000_000;

fn start_us(number: u64) -> i64 {
    FIRST_US + number as i64 * PERIOD_US
}

/// Events of an exposure: one every 100 us.
fn events(number: u64) -> Vec<Event> {
    let at = |i: i64| Event {
        t_us: start_us(number) + 100 * i,
        x: ((i + number as i64) % SENSOR.width as i64) as u16,
        y: (i % SENSOR.height as i64) as u16,
        polarity: i % 3 == 0,
    };
    (0..EXPOSURE_US / 100).map(at).collect()
}

fn exposure(number: u64, size: Size) -> LiveFrame {
    let value = |i: usize| (i as u64 * 7 + number * 31) as u8 % 200;
    let picture = ImageU8::new(3, size, (0..3 * size.area()).map(value).collect()).unwrap();
    let start = start_us(number);
    let exposure = Exposure {
        frame: picture.into(),
        span: TimeRange::new(start as f64, (start + EXPOSURE_US) as f64),
        events: events(number).into(),
        sensor: SENSOR,
    };
    LiveFrame::new(number, exposure)
}

/// What the restorer makes of a picture.
fn restored(picture: &ImageU8) -> ImageU8 {
    picture.map(|v| v + 50)
}

/// Delivers what it is given.
struct Fed(Receiver<LiveFrame>);

impl ExposureSource for Fed {
    fn name(&self) -> String {
        "fed".into()
    }
    fn shapes(&self) -> Vec<Shape> {
        Vec::new()
    }
    fn interval(&self) -> Duration {
        Duration::from_millis(1)
    }
    fn next(&mut self, timeout: Duration) -> Result<Next, SourceError> {
        match self.0.recv_timeout(timeout) {
            Ok(frame) => Ok(Next::Exposure(Box::new(frame))),
            Err(RecvTimeoutError::Timeout) => Ok(Next::Waiting),
            Err(RecvTimeoutError::Disconnected) => Ok(Next::End),
        }
    }
}

#[derive(Default)]
struct Brighter(Vec<ImageU8>);

impl Restorer for Brighter {
    fn describe(&self) -> String {
        "brighter".into()
    }
    fn free_slots(&mut self) -> usize {
        usize::from(self.0.is_empty())
    }
    fn submit(&mut self, captured: &Arc<LiveFrame>, instants: &[f64]) -> Result<(), String> {
        self.0 = vec![restored(&captured.picture); instants.len()];
        Ok(())
    }
    fn collect(&mut self) -> Result<Vec<ImageU8>, String> {
        Ok(std::mem::take(&mut self.0))
    }
}

fn served(restoring: bool) -> (Sender<LiveFrame>, Pipeline, Arc<DvServer>) {
    let (feed, frames) = channel();
    let restorer: MakeRestorer = if restoring {
        Box::new(|_| Ok(Box::<Brighter>::default() as Box<dyn Restorer>))
    } else {
        pass_through()
    };
    let parts =
        Parts { source: Box::new(Fed(frames)), restorer, adapt: false, notify: Box::new(|| ()) };
    let server = Arc::new(DvServer::start(&"dv:0".parse::<ServeAddress>().unwrap()).unwrap());
    let pipeline = Pipeline::start_with_outputs(parts, vec![server.clone()]).unwrap();
    (feed, pipeline, server)
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "timeout while waiting for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Opens one stream of a server as the source `dv:` does. Each has its own device, because a
/// device that has both treats events as lost that come long after their frame.
fn open(server: &DvServer, stream: StreamKind) -> Box<dyn Device> {
    let address = server.events_address();
    let text = format!("{address},{}", server.frames_address().port());
    let dv = Dv::parse(&text).unwrap().only(stream).unwrap();
    dv.open(&DeviceSelector::default(), &Drops::default()).unwrap()
}

/// A client of both streams.
struct Client {
    events: Box<dyn Device>,
    frames: Box<dyn Device>,
    received: Received,
}

impl Client {
    fn connect(server: &DvServer) -> Self {
        let (events, frames) = (open(server, StreamKind::Events), open(server, StreamKind::Frames));
        Self { events, frames, received: Received::default() }
    }
}

#[derive(Default)]
struct Received {
    frames: Vec<((i64, i64), ImageU8)>,
    events: Vec<Event>,
}

/// Polls until `enough` holds.
fn poll(device: &mut dyn Device, into: &mut Received, enough: impl Fn(&Received) -> bool) {
    wait("packets", || {
        let mut packets = Vec::new();
        device.poll(Duration::from_millis(20), &mut packets).unwrap();
        for packet in packets {
            match packet {
                Packet::Events(packet) => into.events.extend(packet.events.iter()),
                Packet::Frame(frame) => {
                    // A device of frames alone has them on its own clock.
                    let FrameTiming::Frames { start, exposure_us } = frame.timing else { panic!() };
                    into.frames.push(((start.us(), start.us() + exposure_us), frame.picture));
                }
            }
        }
        enough(into)
    });
}

#[test]
fn a_second_gem_live_reads_the_restored_frames_and_events_bit_for_bit() {
    for restoring in [true, false] {
        let (feed, _pipeline, server) = served(restoring);
        // Its sizes are in the headers, without which no client can begin.
        feed.send(exposure(0, SIZE)).unwrap();
        let mut clients = [Client::connect(&server), Client::connect(&server)];
        for number in 1..=5 {
            feed.send(exposure(number, SIZE)).unwrap();
            for Client { events, frames, received } in &mut clients {
                let start = start_us(number);
                poll(frames.as_mut(), received, |r| {
                    r.frames.last().is_some_and(|((at, _), _)| *at >= start)
                });
                // The last microsecond is held back: more of its events may follow.
                poll(events.as_mut(), received, |r| {
                    r.events.last().is_some_and(|e| e.t_us >= start + EXPOSURE_US - 200)
                });
            }
        }
        for Client { received: Received { frames, events: read }, .. } in &clients {
            for number in 1..=5 {
                let sent = exposure(number, SIZE).picture;
                let start = start_us(number);
                let (span, picture) = if restoring {
                    // A restored picture shows the middle of the exposure.
                    let middle = start + EXPOSURE_US / 2;
                    ((middle, middle + 1), restored(&sent))
                } else {
                    ((start, start + EXPOSURE_US), sent)
                };
                let found = frames.iter().find(|(at, _)| *at == span);
                assert!(found.unwrap().1 == picture, "frame {number}");
            }
            let expected: Vec<Event> = (1..=5).flat_map(events).collect();
            let from = read.iter().position(|e| e.t_us >= start_us(1)).unwrap();
            let read = &read[from..];
            assert!(read.len() + 1 >= expected.len(), "{}", read.len());
            assert_eq!(read, &expected[..read.len()]);
        }
        let status = server.status();
        assert_eq!(status.iter().map(|s| s.dropped).collect::<Vec<_>>(), [0, 0]);
        assert!(status.iter().all(|s| s.sent >= 10 && s.clients == Some(2)), "{status:?}");
        drop(clients);
        wait("the end of the clients", || server.status().iter().all(|s| s.clients == Some(0)));
    }
}

#[test]
fn a_client_that_reads_nothing_delays_neither_restoration_nor_other_clients() {
    const LARGE: Size = Size::new(640, 480);
    let (feed, pipeline, server) = served(true);
    let stuck = TcpStream::connect(server.frames_address()).unwrap();
    let mut fast = TcpStream::connect(server.frames_address()).unwrap();
    wait("both clients", || server.status()[1].clients == Some(2));
    let received = Arc::new(AtomicUsize::new(0));
    let counter = received.clone();
    std::thread::spawn(move || {
        let mut bytes = vec![0; 1 << 20];
        while let Ok(some @ 1..) = fast.read(&mut bytes) {
            counter.fetch_add(some, Ordering::Relaxed);
        }
    });
    let mut number = 0;
    // Each picture has 900 kB; the system's buffers hold a few MB for the one that is stuck.
    wait("drops", || {
        feed.send(exposure(number, LARGE)).unwrap();
        number += 1;
        wait("the restoration", || pipeline.stats().snapshot().restored == number);
        server.status()[1].dropped > 2
    });
    // The other client still receives new frames.
    let before = received.load(Ordering::Relaxed);
    feed.send(exposure(number, LARGE)).unwrap();
    wait("the other client", || received.load(Ordering::Relaxed) >= before + 3 * LARGE.area());
    let stats = pipeline.stats().snapshot();
    assert_eq!((stats.drops.engine, stats.drops.failed), (0, 0));
    drop(stuck);
    wait("the end of the client that is stuck", || server.status()[1].clients == Some(1));
}
