//! The camera's registers: addresses and ranges from libcaer's `devices/davis.h`.

use super::biases::Addresses;
use super::library::Info;
use crate::camera::Control;

const HOST_USB: i8 = -1;
const HOST_EXCHANGE: i8 = -2;
const HOST_PACKETS: i8 = -3;
pub(super) const MUX: i8 = 0;
/// Of the host's log: how much is told.
pub(super) const HOST_LOG: i8 = -4;
const DVS: i8 = 1;
pub(super) const APS: i8 = 2;
const INPUT: i8 = 4;
pub(super) const BIAS: i8 = 5;

/// Of [`MUX`]: events that did not fit into the USB buffers, 64 bits.
pub(super) const DVS_DROPPED: u8 = 83;
/// Of [`MUX`]: edges that did not fit either, 64 bits.
pub(super) const EDGES_DROPPED: u8 = 81;
/// Module and parameter of what lets events, and what lets frames, be sent.
pub(super) const SEND_EVENTS: (i8, u8) = (DVS, 3);
pub(super) const SEND_FRAMES: (i8, u8) = (APS, 4);
/// Of [`APS`]: all pixels are exposed at once, without which there is no one exposure.
pub(super) const GLOBAL_SHUTTER: u8 = 7;

/// What is set before the camera starts: name, module, parameter, value.
pub(super) const START: &[(&str, i8, u8, u32)] = &[
    // Containers that may wait for us, at two milliseconds each.
    ("the buffer size", HOST_EXCHANGE, 0, 1024),
    // A call that waits for data may wait for ever.
    ("calls that do not wait", HOST_EXCHANGE, 1, 0),
    ("the packet interval", HOST_PACKETS, 1, 2000),
    // A lost edge is a lost exposure.
    ("keeping edges", MUX, 4, 0),
    ("rising edges", INPUT, 1, 1),
    ("falling edges", INPUT, 2, 1),
    ("edge detection", INPUT, 0, 1),
];

/// A register that can be set.
#[derive(Clone, Copy)]
pub(super) struct Register {
    pub(super) name: &'static str,
    label: &'static str,
    pub(super) module: i8,
    pub(super) parameter: u8,
    /// The largest value; 1 makes it a switch.
    largest: i64,
    expert: bool,
    /// Only heeded when the camera starts to send.
    pub(super) restart: bool,
    exists: fn(&Info) -> bool,
}

impl Register {
    /// The control that stands for it.
    pub(super) fn control(&self, value: u32) -> Control {
        let control = if self.largest == 1 {
            Control::switch(self.name, self.label, value != 0)
        } else {
            Control::whole(self.name, self.label, i64::from(value), (0, self.largest))
        };
        if self.expert { control.for_experts() } else { control }
    }
}

const fn register(
    name: &'static str,
    label: &'static str,
    (module, parameter): (i8, u8),
    largest: i64,
    exists: fn(&Info) -> bool,
) -> Register {
    Register { name, label, module, parameter, largest, expert: false, restart: false, exists }
}

/// A bias: sixteen bits, coarse and fine current.
const fn bias(name: &'static str, label: &'static str, parameter: u8) -> Register {
    let (module, largest, expert, restart) = (BIAS, 0xffff, true, false);
    Register { name, label, module, parameter, largest, expert, restart, exists: |_| true }
}

/// A size of libcaer's own, on this computer.
const fn host(
    name: &'static str,
    label: &'static str,
    (module, parameter): (i8, u8),
    largest: i64,
    restart: bool,
) -> Register {
    Register { name, label, module, parameter, largest, expert: true, restart, exists: |_| true }
}

/// What can be set on a camera. Of a chip whose biases are not known, none of them.
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
    let there = REGISTERS.iter().copied().filter(|r| (r.exists)(info));
    there.chain(biases.into_iter().flatten())
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
    register("background_activity_250us", "Background time (250 us)", (DVS, 32), 4095, |i| {
        i.background_activity_filter
    }),
    register("refractory", "Refractory filter", (DVS, 33), 1, |i| i.background_activity_filter),
    register("refractory_250us", "Refractory time (250 us)", (DVS, 34), 4095, |i| {
        i.background_activity_filter
    }),
    register("generator", "Signal generator", (INPUT, 11), 1, |i| i.generator),
    register("generator_interval_us", "Generator interval (us)", (INPUT, 13), 1_048_575, |i| {
        i.generator
    }),
    register("generator_length_us", "Generator pulse (us)", (INPUT, 14), 1_048_575, |i| {
        i.generator
    }),
    register("generator_high", "Generator's pulse is high", (INPUT, 12), 1, |i| i.generator),
    register("generator_rising", "Mark rising edges", (INPUT, 15), 1, |i| i.generator),
    register("generator_falling", "Mark falling edges", (INPUT, 16), 1, |i| i.generator),
    register("input_edges", "Edges on the input", (INPUT, 0), 1, |_| true),
    host("usb_buffers", "USB buffers", (HOST_USB, 0), 64, false),
    host("usb_buffer_bytes", "USB buffer (bytes)", (HOST_USB, 1), 1 << 20, false),
    host("packet_us", "Packet length (us)", (HOST_PACKETS, 1), 100_000, false),
    host("exchange_packets", "Packets that may wait", (HOST_EXCHANGE, 0), 16_384, true),
];
