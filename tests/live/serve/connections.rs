//! Connections: ports, sizes, and two programs.

use super::*;

#[test]
fn a_new_size_ends_connections_and_is_in_the_next_header() {
    let (feed, _pipeline, server) = served(true);
    feed.send(exposure(0, SIZE)).unwrap();
    let mut device = open(&server, StreamKind::Frames);
    feed.send(exposure(1, Size::new(48, 20))).unwrap();
    wait("the end of the connection", || {
        device.poll(Duration::from_millis(20), &mut Vec::new()).is_err()
    });
    let mut device = open(&server, StreamKind::Frames);
    feed.send(exposure(2, Size::new(48, 20))).unwrap();
    let mut received = Received::default();
    poll(device.as_mut(), &mut received, |r| !r.frames.is_empty());
    assert_eq!(received.frames[0].1.size(), Size::new(48, 20));
}

#[test]
fn a_port_in_use_and_a_foreign_address_are_named() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let start = |text: &str| DvServer::start(&text.parse().unwrap()).map(drop).unwrap_err();
    for text in [format!("dv:{port},0"), format!("dv:0,{port}")] {
        let why = start(&text);
        assert!(matches!(&why, ServeError::InUse { port: used, .. } if *used == port), "{why}");
        assert!(why.to_string().contains("choose another port"), "{why}");
    }
    // An address for documentation, which no computer has.
    let why = start("dv:192.0.2.1:0");
    assert!(matches!(&why, ServeError::NoAddress { .. }), "{why}");
    let output = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(["live", "--headless", "--seconds", "1", "--serve", &format!("dv:{port}")])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("is in use"), "{text}");
}

#[test]
fn one_program_serves_and_another_records_what_it_sends() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let live = ["live", "--source", "sim:32x32@20", "--headless", "--seconds", "60", "--json"];
    let mut server = Command::new(env!("CARGO_BIN_EXE_gem-live"))
        .args(live)
        .args(["--engine", "none", "--serve", "dv:0"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let source = line.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(source.starts_with("dv:127.0.0.1:"), "{line}");
    let record = ["record", "--source", &source, "--count", "6", "--out", out.to_str().unwrap()];
    let recorded = Command::new(env!("CARGO_BIN_EXE_gem-live")).args(record).output().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    let text = String::from_utf8_lossy(&recorded.stderr).into_owned()
        + &String::from_utf8_lossy(&recorded.stdout);
    assert!(recorded.status.success() && text.contains("3 pairs from 6 exposures"), "{text}");
}
