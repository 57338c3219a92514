//! The camera's registers; addresses and ranges come from libcaer's `devices/davis.h`.

use super::biases::{Addresses, BIAS};
use super::open::Info;
use crate::camera::Control;

const HOST_USB: i8 = -1;
const HOST_EXCHANGE: i8 = -2;
const HOST_PACKETS: i8 = -3;
pub(super) const MUX: i8 = 0;
/// Module of libcaer's log level.
pub(super) const HOST_LOG: i8 = -4;
const DVS: i8 = 1;
pub(super) const APS: i8 = 2;
const INPUT: i8 = 4;

/// Parameter of [`MUX`]: number of events that did not fit into the USB buffers, 64 bits.
pub(super) const DVS_DROPPED: u8 = 83;
/// Parameter of [`MUX`]: number of edges that did not fit into them, 64 bits.
pub(super) const EDGES_DROPPED: u8 = 81;
/// Module and parameter that enable sending events, and frames.
pub(super) const SEND_EVENTS: (i8, u8) = (DVS, 3);
pub(super) const SEND_FRAMES: (i8, u8) = (APS, 4);
/// Parameter of [`APS`]: global shutter. Without it there is no single exposure time.
pub(super) const GLOBAL_SHUTTER: u8 = 7;

/// Settings made before the camera starts: name, module, parameter, value.
pub(super) const START: &[(&str, i8, u8, u32)] = &[
    // Containers that libcaer may queue, at two milliseconds each.
    ("the buffer size", HOST_EXCHANGE, 0, 1024),
    // A blocking call for data may never return.
    ("non-blocking reads", HOST_EXCHANGE, 1, 0),
    ("the packet interval", HOST_PACKETS, 1, 2000),
    // Losing an edge means losing an exposure.
    ("keeping edges", MUX, 4, 0),
    ("rising edges", INPUT, 1, 1),
    ("falling edges", INPUT, 2, 1),
    ("edge detection", INPUT, 0, 1),
];

/// The values that a register accepts.
#[derive(Clone, Copy)]
enum ValueRange {
    Switch,
    /// An inclusive range.
    Int(i64, i64),
    /// One of a list of values.
    OneOf(&'static [u32]),
}

/// A register that can be set as a control.
#[derive(Clone, Copy)]
pub(super) struct Register {
    pub(super) name: &'static str,
    label: &'static str,
    pub(super) module: i8,
    pub(super) parameter: u8,
    form: ValueRange,
    expert: bool,
    /// Setting it makes libcaer reallocate its buffers: queued containers are dropped.
    on_release: bool,
    /// Takes effect only when the camera starts streaming.
    pub(super) restart: bool,
    exists: fn(&Info) -> bool,
}

impl Register {
    /// The register as a control with its current value.
    pub(super) fn control(&self, value: u32) -> Control {
        let control = match self.form {
            ValueRange::Switch => Control::switch(self.name, self.label, value != 0),
            ValueRange::Int(low, high) => {
                Control::int(self.name, self.label, i64::from(value), (low, high))
            }
            ValueRange::OneOf(values) => {
                let choices = values.iter().map(ToString::to_string).collect();
                Control::choice(self.name, self.label, value.to_string(), choices)
            }
        };
        let control = if self.expert { control.for_experts() } else { control };
        if self.on_release { control.set_on_release() } else { control }
    }
}

/// A register with values from zero to `largest`; 1 makes it a switch.
const fn register(
    name: &'static str,
    label: &'static str,
    (module, parameter): (i8, u8),
    largest: i64,
    exists: fn(&Info) -> bool,
) -> Register {
    let form = if largest == 1 { ValueRange::Switch } else { ValueRange::Int(0, largest) };
    let (expert, on_release, restart) = (false, false, false);
    Register { name, label, module, parameter, form, expert, on_release, restart, exists }
}

/// A bias: sixteen bits, coarse and fine current.
const fn bias(name: &'static str, label: &'static str, parameter: u8) -> Register {
    let register = register(name, label, (BIAS, parameter), 0xffff, |_| true);
    Register { expert: true, ..register }
}

/// A buffer size of libcaer on this computer.
const fn host(
    name: &'static str,
    label: &'static str,
    (module, parameter): (i8, u8),
    form: ValueRange,
) -> Register {
    let register = register(name, label, (module, parameter), 1, |_| true);
    Register { form, expert: true, on_release: true, ..register }
}

/// Sizes of libcaer's ring buffer, starting at its default. `caerRingBufferInit` rejects sizes
/// that are not a power of two.
const RING_SIZES: ValueRange =
    ValueRange::OneOf(&[64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384]);

/// The registers of a camera. The biases of an unknown chip are left out.
pub(super) fn registers(info: &Info) -> impl Iterator<Item = Register> {
    let biases = Addresses::of_chip(info.chip).map(|a| {
        [
            bias("bias_diff", "DiffBn", a.diff),
            bias("bias_on", "OnBn", a.on),
            bias("bias_off", "OffBn", a.off),
            bias("bias_photoreceptor", "PrBp", a.photoreceptor),
            bias("bias_source_follower", "PrSFBp", a.source_follower),
            bias("bias_refractory", "RefrBp", a.refractory),
        ]
    });
    let available = REGISTERS.iter().copied().filter(|r| (r.exists)(info));
    available.chain(biases.into_iter().flatten())
}

const REGISTERS: &[Register] = &[
    register("exposure_us", "Exposure (us)", (APS, 12), 4_194_303, |_| true),
    register("auto_exposure", "Automatic exposure", (APS, 101), 1, |_| true),
    register("frame_interval_us", "Frame interval (us)", (APS, 13), 8_388_607, |_| true),
    register("frames", "Frames", (APS, 4), 1, |_| true),
    register("events", "Events", (DVS, 3), 1, |_| true),
    register("hot_pixel_train", "Learn hot pixels", (DVS, 100), 1, |i| i.pixel_filter),
    register("background_activity", "Background filter", (DVS, 31), 1, |i| {
        i.background_activity_filter
    }),
    register(
        "background_activity_250us",
        "Background filter time (250 us)",
        (DVS, 32),
        4095,
        |i| i.background_activity_filter,
    ),
    register("refractory", "Refractory filter", (DVS, 33), 1, |i| i.background_activity_filter),
    register("refractory_250us", "Refractory period (250 us)", (DVS, 34), 4095, |i| {
        i.background_activity_filter
    }),
    register("generator", "Signal generator", (INPUT, 11), 1, |i| i.generator),
    register("generator_interval_us", "Generator interval (us)", (INPUT, 13), 1_048_575, |i| {
        i.generator
    }),
    register("generator_length_us", "Generator pulse (us)", (INPUT, 14), 1_048_575, |i| {
        i.generator
    }),
    register("generator_high", "Generator pulse polarity high", (INPUT, 12), 1, |i| i.generator),
    register("generator_rising", "Generator rising edges", (INPUT, 15), 1, |i| i.generator),
    register("generator_falling", "Generator falling edges", (INPUT, 16), 1, |i| i.generator),
    register("input_edges", "Input edge detection", (INPUT, 0), 1, |_| true),
    // Without a buffer, or with one shorter than a USB packet, no data arrives.
    host("usb_buffers", "USB buffers", (HOST_USB, 0), ValueRange::Int(2, 64)),
    host("usb_buffer_bytes", "USB buffer (bytes)", (HOST_USB, 1), ValueRange::Int(512, 1 << 20)),
    host("packet_us", "Packet interval (us)", (HOST_PACKETS, 1), ValueRange::Int(1, 100_000)),
    Register {
        restart: true,
        ..host("exchange_packets", "Packet queue length", (HOST_EXCHANGE, 0), RING_SIZES)
    },
];
