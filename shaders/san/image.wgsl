// Numbers in eight bits, of which 255 is 1; four are in a word. The host puts it in front of
// planes.wgsl and head.wgsl.

// v / 255, rounded to the nearest: devices may divide less exactly. After the point, the quotient
// repeats the byte forever; of the first four bytes, 24 bits are kept from the first one that is set.
fn fraction(v: u32) -> f32 {
    let word = v * 0x01010101u;
    let rest = 8u - countLeadingZeros(word | 0x01000000u);
    let kept = (word >> rest) + ((word >> (rest - 1u)) & 1u);
    // Times 2^(rest - 32).
    return f32(kept) * bitcast<f32>((95u + rest) << 23u);
}

// Number `i` of those in words, `word` being the one that has it.
fn fraction_in(word: u32, i: u32) -> f32 {
    return fraction((word >> (8u * (i % 4u))) & 255u);
}
