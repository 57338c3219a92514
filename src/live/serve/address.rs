//! Where streams are offered.

use std::str::FromStr;

/// Ports for events and restored frames, and the address that they are bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeAddress {
    /// Address or name of a network interface of this computer.
    pub host: String,
    /// Port of the events; 0 lets the system choose one.
    pub events_port: u16,
    /// Port of the restored frames; 0 lets the system choose one.
    pub frames_port: u16,
}

impl FromStr for ServeAddress {
    type Err = String;

    /// From `dv:PORT[,FRAMES_PORT]` or `dv:HOST:PORT[,FRAMES_PORT]`. Without a host, other computers
    /// cannot connect. Without its own port, the frames' port is the one after the events'.
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "{text} is not dv:PORT[,FRAMES_PORT], such as dv:10101, or \
                 dv:HOST:PORT[,FRAMES_PORT], such as dv:0.0.0.0:10101"
            )
        };
        let port = |text: &str| text.trim().parse::<u16>().map_err(|_| expected());
        let place = text.strip_prefix("dv:").ok_or_else(expected)?;
        let (place, frames) = match place.split_once(',') {
            Some((place, frames)) => (place, Some(port(frames)?)),
            None => (place, None),
        };
        let (host, number) = place.rsplit_once(':').unwrap_or(("127.0.0.1", place));
        let host = host.trim().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(expected());
        }
        let events_port = port(number)?;
        let frames_port = match (frames, events_port) {
            (Some(port), _) => port,
            (None, 0) => 0,
            (None, port) => port.checked_add(1).ok_or_else(expected)?,
        };
        if events_port == frames_port && events_port != 0 {
            return Err(format!("{text} has the same port for events and for frames"));
        }
        Ok(Self { host: host.to_owned(), events_port, frames_port })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn addresses_are_ports_with_or_without_a_host() {
        let parsed = |text: &str| {
            let ServeAddress { host, events_port, frames_port } = text.parse().unwrap();
            (host, events_port, frames_port)
        };
        assert_eq!(parsed("dv:10101"), ("127.0.0.1".into(), 10101, 10102));
        assert_eq!(parsed("dv:10101,7"), ("127.0.0.1".into(), 10101, 7));
        assert_eq!(parsed("dv:0.0.0.0:10101,10105"), ("0.0.0.0".into(), 10101, 10105));
        assert_eq!(parsed("dv:[::]:10101"), ("::".into(), 10101, 10102));
        assert_eq!(parsed("dv:0"), ("127.0.0.1".into(), 0, 0));
        let wrong = [
            "",
            "10101",
            "dv:",
            "dv::10101",
            "dv:x",
            "dv:70000",
            "dv:65535",
            "dv:1,2,3",
            "dv:7,7",
            "dv:lab:",
            "rtsp:1",
        ];
        for text in wrong {
            assert!(text.parse::<ServeAddress>().is_err(), "{text}");
        }
    }
}
