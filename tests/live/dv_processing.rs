//! DV's streams in both directions, compared with iniVation's own implementation.

use gem_live::camera::drivers::dv::Dv;
use gem_live::camera::{DeviceSelector, Driver, Drops, Packet};
use gem_live::event::TriggerEdge;
use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/check-dv");

/// A Python that has dv-processing.
fn python() -> String {
    std::env::var("GEM_LIVE_DV_PYTHON").unwrap_or_else(|_| "python3".into())
}

struct Sender(Child);

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs dv-processing and numpy (pip), in the Python that GEM_LIVE_DV_PYTHON names"]
fn tools_dv_processing_and_gem_live_read_each_other() {
    let program = env!("CARGO_BIN_EXE_gem-live");
    let status = Command::new(python()).args([SCRIPT, program]).status().unwrap();
    assert!(status.success());
}

#[test]
#[ignore = "needs dv-processing and numpy (pip), in the Python that GEM_LIVE_DV_PYTHON names"]
fn tools_triggers_of_dv_processing_come_with_the_events_of_their_time() {
    let ports = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = ports.map(|port| port.local_addr().unwrap().port().to_string());
    let child = Command::new(python()).args([SCRIPT, "send"]).args(&ports).arg("LZ4").spawn();
    let _sender = Sender(child.unwrap());
    let [events, frames, triggers] = &ports;
    let dv = Dv::parse(&format!("127.0.0.1:{events},{frames},{triggers}")).unwrap();
    let (drops, until) = (Drops::default(), Instant::now() + Duration::from_secs(60));
    let mut device = loop {
        match dv.open(&DeviceSelector::default(), &drops) {
            Ok(device) => break device,
            Err(e) => assert!(Instant::now() < until, "{e}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let mut edges = Vec::new();
    while edges.len() < 20 {
        assert!(Instant::now() < until, "{edges:?}");
        let mut packets = Vec::new();
        device.poll(Duration::from_millis(20), &mut packets).unwrap();
        for packet in &packets {
            let Packet::Events(packet) = packet else { continue };
            let inside = |t: i64| t >= packet.from.us() && t < packet.until.us();
            assert!(packet.edges.iter().all(|e| inside(e.t.us())));
            edges.extend(packet.edges.iter().copied());
        }
    }
    // A rising edge begins every exposure, and a falling one ends it 15 ms later.
    let first = edges.iter().position(|e| e.kind == TriggerEdge::Rising).unwrap();
    for pair in edges[first..].chunks_exact(2) {
        assert_eq!((pair[0].kind, pair[1].kind), (TriggerEdge::Rising, TriggerEdge::Falling));
        assert_eq!(pair[1].t.us() - pair[0].t.us(), 15_000);
        assert_eq!(pair[0].t.us() % 40_000, 0);
    }
}
