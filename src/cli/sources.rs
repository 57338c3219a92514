//! Which cameras: the options that `live`, `record` and `align` share.

use super::failure::Failure;
use gem_live::live::{SourceName, Sources};
use gem_live::rig::clock::ClockSettings;

/// One source for frames and events, or one for each.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct SourceArguments {
    /// clip, sim, sim:WIDTHxHEIGHT@FRAMES, davis, davis:SERIAL, replay:PATH (an AEDAT4 file, a folder of
    /// MS-RBD pairs), or loadgen:1152x768@60,12M (a rendered loop, to measure the path).
    #[arg(long, conflicts_with_all = ["frame_source", "event_source"])]
    source: Option<SourceName>,
    /// Of two cameras the one for frames: genicam, genicam:SERIAL, uvc:NUMBER, davis, sim, replay:PATH.
    #[arg(long, requires = "event_source")]
    frame_source: Option<SourceName>,
    /// Of two cameras the one for events: davis, davis:SERIAL, sim, replay:PATH.
    #[arg(long, requires = "frame_source")]
    event_source: Option<SourceName>,
    #[command(flatten)]
    delays: Delays,
}

/// Delays of two cameras with clocks of their own, in microseconds. One camera has none.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
struct Delays {
    /// Delay from the trigger's rising edge to the opening of the shutter, in microseconds: that
    /// of the trigger's opto-isolator and the camera's own, as its data sheet says.
    #[arg(long, value_name = "US", requires = "frame_source", allow_negative_numbers = true)]
    #[arg(conflicts_with = "source")]
    #[arg(value_parser = clap::value_parser!(i64).range(-1_000_000..=1_000_000))]
    open_delay_us: Option<i64>,
    /// Delay from the trigger's falling edge to the closing of the shutter, in microseconds.
    #[arg(long, value_name = "US", requires = "frame_source", allow_negative_numbers = true)]
    #[arg(conflicts_with = "source")]
    #[arg(value_parser = clap::value_parser!(i64).range(-1_000_000..=1_000_000))]
    close_delay_us: Option<i64>,
    /// Shortest time from the end of an exposure to the frame's arrival (readout and transfer), in
    /// microseconds; matters while frames are timed by their arrival.
    #[arg(long, value_name = "US", requires = "frame_source", value_parser = latency)]
    #[arg(conflicts_with = "source")]
    frame_latency_us: Option<f64>,
    /// Shortest time from the end of an event packet to its arrival, in microseconds.
    #[arg(long, value_name = "US", requires = "frame_source", value_parser = latency)]
    #[arg(conflicts_with = "source")]
    event_latency_us: Option<f64>,
}

fn latency(text: &str) -> Result<f64, String> {
    let us = text.parse().ok().filter(|us: &f64| (0.0..=1e6).contains(us));
    us.ok_or_else(|| "a latency is a number of microseconds from 0 to 1000000".into())
}

impl SourceArguments {
    /// The sources that are named, if any are.
    pub(super) fn sources(&self) -> Option<Sources> {
        match (&self.frame_source, &self.event_source) {
            (Some(frames), Some(events)) => {
                Some(Sources::Two { frames: frames.clone(), events: events.clone() })
            }
            _ => self.source.clone().map(Sources::One),
        }
    }

    /// How the clocks of two cameras are compared.
    pub(super) fn clock(&self) -> ClockSettings {
        let (given, usual) = (self.delays, ClockSettings::default());
        ClockSettings {
            open_delay_us: given.open_delay_us.unwrap_or(usual.open_delay_us),
            close_delay_us: given.close_delay_us.unwrap_or(usual.close_delay_us),
            frame_latency_us: given.frame_latency_us.unwrap_or(usual.frame_latency_us),
            event_latency_us: given.event_latency_us.unwrap_or(usual.event_latency_us),
            ..usual
        }
    }

    /// The sources that are named.
    pub(super) fn required(&self) -> Result<Sources, Failure> {
        self.sources().ok_or_else(|| {
            "name the cameras: --source sim, or --frame-source and --event-source".into()
        })
    }
}
