//! Classic BPF programs: what the kernel hands to this process at all.
//!
//! Beside a load balancer most packets of the host are none of our business. The filters let pass what may be an answer to a probe;
//! the codec then decides by the cookie.

use crate::sys::FilterInstruction;
use crate::wire::{Family, ip};

/// Source ports of our SYNs and UDP datagrams lie in one aligned block, so that a filter needs one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PortBlock {
    pub(super) base: u16,
    /// Ones where all ports of the block agree.
    pub(super) mask: u16,
}

impl PortBlock {
    /// A block that holds no port.
    pub(super) const NONE: Self = Self { base: 1, mask: 0 };
}

/// TCP segments to the block. For raw sockets: packets begin at the IPv4 header, or at the TCP header over IPv6.
pub(super) fn tcp_answers(family: Family, block: PortBlock) -> Vec<FilterInstruction> {
    let to_block = [and(block.mask), if_eq(block.base, 1, 0), DROP, PASS];
    match family {
        Family::V4 => [&[load_header_length(0), load_half_at_x(2)][..], &to_block].concat(),
        Family::V6 => [&[load_half(2)][..], &to_block].concat(),
    }
}

/// Echo replies with our identifier, and ICMP errors that quote an echo with our identifier, or TCP or UDP from the block. For raw
/// sockets: packets begin at the IPv4 header, or at the ICMPv6 header.
pub(super) fn icmp_answers(family: Family, ident: u16, block: PortBlock) -> Vec<FilterInstruction> {
    let ident = [if_eq(ident, 1, 0), DROP, PASS];
    let block = [and(block.mask), if_eq(block.base, 1, 0), DROP, PASS];
    match family {
        Family::V4 => [
            &[load_header_length(0), load_byte_at_x(0)][..],
            // Echo reply: look at the identifier.
            &[if_eq(0, 0, 4), load_half_at_x(4)],
            &ident,
            // An error: the quote begins at X + 8, its protocol stands at X + 17. Move X to its transport: X += 8 + 4 * IHL.
            &[
                load_byte_at_x(17),
                STORE,
                load_byte_at_x(8),
                and(0x0f),
                shift_left(2),
                add_x(),
                add(8),
                TO_X,
                LOAD,
            ],
            &[if_eq(ip::ICMP.into(), 0, 4), load_half_at_x(4)],
            &ident,
            // TCP and UDP alike begin with the source port.
            &[if_eq(ip::TCP.into(), 2, 0), if_eq(ip::UDP.into(), 1, 0), DROP],
            &[load_half_at_x(0)],
            &block,
        ]
        .concat(),
        Family::V6 => [
            &[load_byte(0)][..],
            &[if_eq(129, 0, 4), load_half(4)],
            &ident,
            // The quoted IPv6 header begins at 8 and ends at 48. One with extension headers is left to the codec.
            &[load_byte(8 + 6)],
            &[if_eq(ip::ICMPV6.into(), 0, 4), load_half(48 + 4)],
            &ident,
            &[if_eq(ip::TCP.into(), 2, 0), if_eq(ip::UDP.into(), 1, 0), PASS],
            &[load_half(48)],
            &block,
        ]
        .concat(),
    }
}

/// Echo replies with our identifier, and all ICMP errors: a NAT on the way may have rewritten what a router behind it quotes. Packets as
/// in [`icmp_answers`].
pub(super) fn icmp_answers_of_any_quote(family: Family, ident: u16) -> Vec<FilterInstruction> {
    let ident = [if_eq(ident, 1, 0), DROP, PASS];
    match family {
        Family::V4 => {
            let reply = [
                load_header_length(0),
                load_byte_at_x(0),
                if_eq(0, 1, 0),
                PASS,
                load_half_at_x(4),
            ];
            [&reply[..], &ident].concat()
        }
        Family::V6 => [&[load_byte(0), if_eq(129, 1, 0), PASS, load_half(4)][..], &ident].concat(),
    }
}

/// For `ICMP_FILTER`, which the kernel applies before it copies a packet for the socket: all types blocked but echo reply (0), unreachable
/// (3), time exceeded (11) and parameter problem (12).
pub(super) const ICMP_BLOCKED: u32 = !(1 << 0 | 1 << 3 | 1 << 11 | 1 << 12);

/// For `ICMP6_FILTER`: all types blocked but the errors (1 to 4) and echo reply (129).
pub(super) const ICMP6_BLOCKED: [u32; 8] = [!0b1_1110, !0, !0, !0, !0b10, !0, !0, !0];

const PASS: FilterInstruction = instruction(libc::BPF_RET | libc::BPF_K, 0, 0, 0x4_0000);
const DROP: FilterInstruction = instruction(libc::BPF_RET | libc::BPF_K, 0, 0, 0);
const STORE: FilterInstruction = instruction(libc::BPF_ST, 0, 0, 0);
const LOAD: FilterInstruction = instruction(libc::BPF_LD | libc::BPF_MEM, 0, 0, 0);
const TO_X: FilterInstruction = instruction(libc::BPF_MISC | libc::BPF_TAX, 0, 0, 0);

const fn load_byte(at: u32) -> FilterInstruction {
    instruction(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, at)
}

const fn load_half(at: u32) -> FilterInstruction {
    instruction(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, 0, 0, at)
}

const fn load_byte_at_x(offset: u32) -> FilterInstruction {
    instruction(libc::BPF_LD | libc::BPF_B | libc::BPF_IND, 0, 0, offset)
}

const fn load_half_at_x(offset: u32) -> FilterInstruction {
    instruction(libc::BPF_LD | libc::BPF_H | libc::BPF_IND, 0, 0, offset)
}

/// X = length of the IPv4 header at `at`.
const fn load_header_length(at: u32) -> FilterInstruction {
    instruction(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, 0, 0, at)
}

const fn and(mask: u16) -> FilterInstruction {
    instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, mask as u32)
}

const fn shift_left(bits: u32) -> FilterInstruction {
    instruction(libc::BPF_ALU | libc::BPF_LSH | libc::BPF_K, 0, 0, bits)
}

const fn add(value: u32) -> FilterInstruction {
    instruction(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_K, 0, 0, value)
}

const fn add_x() -> FilterInstruction {
    instruction(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_X, 0, 0, 0)
}

const fn if_eq(value: u16, then_skip: u8, else_skip: u8) -> FilterInstruction {
    instruction(
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
        then_skip,
        else_skip,
        value as u32,
    )
}

#[expect(clippy::cast_possible_truncation, reason = "BPF operation codes have 16 bits")]
const fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> FilterInstruction {
    FilterInstruction {
        code: code as u16,
        jt,
        jf,
        k,
    }
}

#[cfg(test)]
mod tests;
