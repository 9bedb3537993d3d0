//! Which image the agents run.

use std::collections::HashMap;

use swarm::Swarm;
use swarm::bollard::models::ImageSummary;
use swarm::bollard::query_parameters::ListImagesOptionsBuilder;

use crate::Error;

/// The label by which an image says that it is loadgen's, as compose/Dockerfile sets it.
const TITLE: &str = "org.opencontainers.image.title=loadgen";

/// The newest of the manager's images that is loadgen's. One of a registry goes before others: the nodes can pull it.
pub(crate) async fn of_manager(swarm: &Swarm) -> Result<String, Error> {
    let filters = HashMap::from([("label".to_owned(), vec![TITLE.to_owned()])]);
    let options = ListImagesOptionsBuilder::default().filters(&filters).build();
    let docker = swarm.engine().docker();
    let api = |error| swarm::Error::api("list images", &error);
    let images = docker.list_images(Some(options)).await.map_err(api)?;
    match newest(&images) {
        Some(name) => Ok(name),
        None => {
            let info = docker.info().await.map_err(api)?;
            Err(Error::NoImage { manager: info.name.unwrap_or_default() })
        }
    }
}

fn newest(images: &[ImageSummary]) -> Option<String> {
    let named = images.iter().flat_map(|image| image.repo_tags.iter().map(move |tag| (image.created, tag)));
    // Docker Hub's names have no host with a dot or a port in front.
    let of_registry = |tag: &str| tag.split_once('/').is_some_and(|(host, _)| host.contains(['.', ':']));
    named.max_by_key(|(created, tag)| (of_registry(tag), *created)).map(|(_, tag)| tag.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_image_that_nodes_can_pull_is_taken() {
        let image =
            |tag: &str, created| ImageSummary { repo_tags: vec![tag.to_owned()], created, ..ImageSummary::default() };
        let local = image("dockercoins/loadgen:latest", 30);
        let (old, new) = (image("127.0.0.1:5000/loadgen:v1", 10), image("127.0.0.1:5000/loadgen:v2", 20));
        assert_eq!(newest(&[old.clone(), new, local.clone()]).as_deref(), Some("127.0.0.1:5000/loadgen:v2"));
        assert_eq!(newest(std::slice::from_ref(&local)).as_deref(), Some("dockercoins/loadgen:latest"));
        assert_eq!(newest(&[ImageSummary { repo_tags: Vec::new(), ..old }]), None);
    }
}
