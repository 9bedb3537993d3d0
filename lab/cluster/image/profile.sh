# What a shell on a node needs; sourced by login shells and by bash.
# Behind the node's own programs: where `lab` is installed in /usr/bin, this is all of that.
PATH=$PATH:/opt/swarmlab/bin
export DOCKER_CLI_HINTS=false
PS1='\u@\h:\w\$ '
[ -d /root/swarmlab ] && [ "$PWD" = / ] && cd /root/swarmlab
case $-$BASH_VERSION in
    *i*[0-9]*) [ -r /usr/share/bash-completion/bash_completion ] && . /usr/share/bash-completion/bash_completion ;;
esac
true
