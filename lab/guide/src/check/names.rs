//! What a name resolves to inside a service's network, where its images have no tool that could say.

use std::net::Ipv4Addr;

use anyhow::{Result, bail};

use super::docker::quoted;
use crate::place::Place;

/// A question for the addresses of a name, as DNS has it (RFC 1035, section 4).
fn query(name: &str) -> Vec<u8> {
    // An identifier, a wish for recursion, one question.
    let mut packet = vec![0x5a, 0x5a, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        packet.push(u8::try_from(label.len().min(63)).unwrap_or(63));
        packet.extend(label.bytes().take(63));
    }
    // The root, type A, class IN.
    packet.extend([0, 0, 1, 0, 1]);
    packet
}

/// The addresses of an answer.
fn addresses(packet: &[u8]) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let two = |at: usize| Some(usize::from(*packet.get(at)?) << 8 | usize::from(*packet.get(at + 1)?));
    // The end of a name: a zero, or a pointer of two bytes.
    let skip = |mut at: usize| loop {
        match *packet.get(at)? {
            0 => return Some(at + 1),
            length if length & 0xc0 == 0xc0 => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    };
    let mut read = || {
        let (questions, answers) = (two(4)?, two(6)?);
        let mut at = 12;
        for _ in 0..questions {
            at = skip(at)? + 4;
        }
        for _ in 0..answers {
            at = skip(at)?;
            let (kind, length) = (two(at)?, two(at + 8)?);
            let data = packet.get(at + 10..at + 10 + length)?;
            if let (1, [a, b, c, d]) = (kind, data) {
                found.push(Ipv4Addr::new(*a, *b, *c, *d));
            }
            at += 10 + length;
        }
        Some(())
    };
    // An answer that is cut off says what it could.
    let _ = read();
    found.sort_unstable();
    found.dedup();
    found
}

/// The addresses of a name as a container of a service sees them; the container is on the first node that has one.
pub async fn resolve(place: &Place, from: &str, name: &str) -> Result<Vec<Ipv4Addr>> {
    let bytes: String = query(name).iter().map(|byte| format!("\\x{byte:02x}")).collect();
    let service = quoted(from);
    // Docker's name server listens in each container's network; the shell's own /dev/udp asks it from there.
    let script = format!(
        "id=$(docker ps -q -f label=com.docker.swarm.service.name={service}; \
              docker ps -q -f label=com.docker.compose.service={service}; docker ps -q -f name=^{service}$); \
         id=${{id%%[[:space:]]*}}; [ -n \"$id\" ] || exit 44; pid=$(docker inspect -f '{{{{.State.Pid}}}}' $id); \
         sudo=; [ \"$(id -u)\" = 0 ] || sudo='sudo -n'; \
         $sudo nsenter -t $pid -n bash -c 'exec 3<>/dev/udp/127.0.0.11/53; printf \"{bytes}\" >&3; timeout 3 dd bs=4096 count=1 <&3 2>/dev/null' | od -An -v -tx1"
    );
    for node in place.nodes().await?.iter().filter(|node| node.running) {
        let output = place.run(&node.name, &script).await?;
        match output.code {
            0 => {
                let bytes: Vec<u8> =
                    output.stdout.split_whitespace().filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
                return Ok(addresses(&bytes));
            }
            44 => {}
            code => {
                bail!("on {}, the network of {from} could not be entered ({code}): {}", node.name, output.stderr.trim())
            }
        }
    }
    bail!("no container of {from} runs on any node: `docker service ps {from}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_and_an_answer_are_as_rfc_1035_has_them() {
        let mut packet = query("rng");
        assert_eq!(&packet[12..], b"\x03rng\0\0\x01\0\x01");
        packet[7] = 2;
        for last in [4, 3] {
            packet.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 2, 88, 0, 4, 10, 0, 1, last]);
        }
        assert_eq!(addresses(&packet), [Ipv4Addr::new(10, 0, 1, 3), Ipv4Addr::new(10, 0, 1, 4)]);
        // Cut off anywhere, it does no harm.
        for end in 0..packet.len() {
            assert!(addresses(&packet[..end]).len() <= 2);
        }
    }
}
