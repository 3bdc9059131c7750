// Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

// Word `element % 4` of the block with counter [element / 4, 0, 0, 0].
fn philox(element: u32, key_low: u32, key_high: u32) -> u32 {
    var counter = vec4<u32>(element / 4u, 0u, 0u, 0u);
    var key = vec2<u32>(key_low, key_high);
    for (var i = 0u; i < 10u; i++) {
        let first = mul_wide(0xD2511F53u, counter.x);
        let second = mul_wide(0xCD9E8D57u, counter.z);
        counter = vec4<u32>(second.y ^ counter.y ^ key.x, second.x, first.y ^ counter.w ^ key.y, first.x);
        key += vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
    }
    switch element & 3u {
        case 0u: { return counter.x; }
        case 1u: { return counter.y; }
        case 2u: { return counter.z; }
        default: { return counter.w; }
    }
}
