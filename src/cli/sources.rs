//! Camera sources: the options that `live`, `record` and `align` share.

use super::failure::Failure;
use clap::builder::{OsStringValueParser, TypedValueParser};
use gem_live::live::{SourceName, Sources};
use gem_live::rig::clock::ClockSettings;
use gem_live::sequence::replay::MAX_EXPOSURE_US;

/// One source for both frames and events, or one source for each.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct SourceArguments {
    /// Source of frames and events: clip (built in), sim, sim:WIDTHxHEIGHT@FRAMES, davis,
    /// davis:SERIAL, dv:HOST:PORT,FRAMES_PORT (DV's network output), replay:PATH (MS-RBD pairs,
    /// an AEDAT4 file or another recording that gem-live import reads; of several cameras in a
    /// file, one is chosen by replay:PATH,camera=NAME), or loadgen:1152x768@60,12M (a rendered
    /// loop, to measure throughput).
    #[arg(long, conflicts_with_all = ["frame_source", "event_source"], value_parser = name())]
    source: Option<SourceName>,
    /// Frame camera of two: genicam, genicam:SERIAL, uvc:NUMBER, davis, dv:HOST:PORT,FRAMES_PORT,
    /// sim, replay:PATH.
    #[arg(long, requires = "event_source", value_parser = name())]
    frame_source: Option<SourceName>,
    /// Event camera of two: davis, davis:SERIAL, dv:HOST:PORT, evk4, evk3, silkyevcam, ueye,
    /// dvxplorer (each also with :SERIAL), sim, replay:PATH.
    #[arg(long, requires = "frame_source", value_parser = name())]
    event_source: Option<SourceName>,
    /// Exposure time in microseconds of a recording's frames that state none.
    #[arg(long, value_name = "US")]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=MAX_EXPOSURE_US))]
    exposure_us: Option<i64>,
    #[command(flatten)]
    delays: Delays,
}

/// Delays of two cameras with separate clocks, in microseconds. A single camera has none.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
struct Delays {
    /// Delay from the trigger's rising edge to the opening of the shutter, in microseconds: the
    /// opto-isolator's delay plus the camera's own, from its data sheet.
    #[arg(long, value_name = "US", requires = "frame_source", allow_negative_numbers = true)]
    #[arg(conflicts_with = "source")]
    #[arg(value_parser = clap::value_parser!(i64).range(-1_000_000..=1_000_000))]
    open_delay_us: Option<i64>,
    /// Delay from the trigger's falling edge to the closing of the shutter, in microseconds.
    #[arg(long, value_name = "US", requires = "frame_source", allow_negative_numbers = true)]
    #[arg(conflicts_with = "source")]
    #[arg(value_parser = clap::value_parser!(i64).range(-1_000_000..=1_000_000))]
    close_delay_us: Option<i64>,
    /// Shortest time from the end of an exposure to the arrival of its frame (readout and
    /// transfer), in microseconds; used while frames have no hardware timestamps.
    #[arg(long, value_name = "US", requires = "frame_source", value_parser = latency)]
    #[arg(conflicts_with = "source")]
    frame_latency_us: Option<f64>,
    /// Shortest time from the end of an event packet to its arrival, in microseconds.
    #[arg(long, value_name = "US", requires = "frame_source", value_parser = latency)]
    #[arg(conflicts_with = "source")]
    event_latency_us: Option<f64>,
}

/// Parses the name of a source, whose path need not be valid UTF-8.
fn name() -> impl TypedValueParser<Value = SourceName> {
    OsStringValueParser::new().try_map(|name| SourceName::from_os(&name))
}

fn latency(text: &str) -> Result<f64, String> {
    let us = text.parse().ok().filter(|us: &f64| (0.0..=1e6).contains(us));
    us.ok_or_else(|| "expected a latency in microseconds, from 0 to 1000000".into())
}

impl SourceArguments {
    /// The sources given on the command line, if any.
    ///
    /// # Errors
    /// An exposure time for frames that do not come from a recording.
    pub(super) fn sources(&self) -> Result<Option<Sources>, Failure> {
        let sources = match (&self.frame_source, &self.event_source) {
            (Some(frames), Some(events)) => {
                Some(Sources::Two { frames: frames.clone(), events: events.clone() })
            }
            _ => self.source.clone().map(Sources::One),
        };
        let Some(us) = self.exposure_us else { return Ok(sources) };
        let exposed = |name: &SourceName| {
            name.with_exposure_us(us).ok_or_else(|| {
                format!(
                    "--exposure-us has no effect with {name}: it is for recordings whose frames \
                     state no exposure time; leave it out"
                )
            })
        };
        Ok(Some(match sources.unwrap_or_default() {
            Sources::One(name) => Sources::One(exposed(&name)?),
            // One recording as both stays one.
            Sources::Two { frames, events } if frames == events => {
                let both = exposed(&frames)?;
                Sources::Two { frames: both.clone(), events: both }
            }
            Sources::Two { frames, events } => Sources::Two { frames: exposed(&frames)?, events },
        }))
    }

    /// Settings for synchronizing the clocks of two cameras.
    pub(super) fn clock(&self) -> ClockSettings {
        let (delays, defaults) = (self.delays, ClockSettings::default());
        ClockSettings {
            open_delay_us: delays.open_delay_us.unwrap_or(defaults.open_delay_us),
            close_delay_us: delays.close_delay_us.unwrap_or(defaults.close_delay_us),
            frame_latency_us: delays.frame_latency_us.unwrap_or(defaults.frame_latency_us),
            event_latency_us: delays.event_latency_us.unwrap_or(defaults.event_latency_us),
            ..defaults
        }
    }

    /// The sources given on the command line.
    ///
    /// # Errors
    /// If none is given.
    pub(super) fn required(&self) -> Result<Sources, Failure> {
        self.sources()?.ok_or_else(|| {
            "no camera given: use --source sim, or --frame-source and --event-source".into()
        })
    }
}
