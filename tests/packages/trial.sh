# What is checked on the booted machine; tests/packages/__main__.py. Prints a line for each.
exec >/root/result 2>/root/errors
set -x
check() {
    local what=$1
    shift
    if "$@" >/dev/null; then echo "ok      $what"; else echo "FAILED  $what"; fi
}
status() { grep "^$1" "/proc/$(systemctl show -p MainPID --value smbquic)/status" | cut -f 2; }
client() { smbquic "$1" --password-file /root/password --ca /root/ca.pem "${@:2}"; }
left() {
    find / -xdev -name '*smbquic*' -not -path '/root/*' -not -path '/proc/*' \
        -not -path /srv/smbquic -not -path '/var/lib/systemd/*'
}
url=smb+quic://alice@localhost/data
users=/etc/smbquic/users.txt

check "installs" dpkg -i /root/smbquic.deb
check "is enabled" systemctl is-enabled smbquic
check "waits for a user" test "$(systemctl is-active smbquic)" = inactive
(umask 077 && echo 'correct horse 7' >/root/password)
check "has a user" smbquic user add alice --users $users --password-file /root/password
check "starts" systemctl restart smbquic
cp /var/lib/smbquic/pki/ca.pem /root
check "listens on UDP port 443" bash -c "ss -Hulpn 'sport = 443' | grep smbquic"
check "is an ordinary user" test "$(status Uid:)" = "$(id -u smbquic)"
check "may do nothing but use ports below 1024" test "$(status CapEff:)" = 0000000000000400
check "filters system calls" test "$(status Seccomp:)" = 2
echo hello >/root/hello.txt
check "takes a file" client put /root/hello.txt $url/
check "reloads" systemctl reload smbquic
check "is upgraded" dpkg -i /root/newer.deb
check "runs after that" systemctl is-active smbquic
check "has kept user, certificate and file" test "$(client cat $url/hello.txt)" = hello
systemctl stop smbquic
check "takes its socket from systemd" systemctl enable --now smbquic.socket
check "serves on it" client ls $url
check "restarts on it" systemctl restart smbquic
check "serves after that" client ls $url
systemd-analyze security smbquic --no-pager | tail -n 1 | sed 's/^[^ ]*/ok     /'
check "is removed" dpkg -r smbquic
check "is stopped by that" test "$(systemctl is-active smbquic smbquic.socket | uniq)" = inactive
check "is purged" dpkg -P smbquic
check "has left the file" test "$(cat /srv/smbquic/hello.txt)" = hello
check "has left the file's user" test "$(stat -c %U /srv/smbquic/hello.txt)" = smbquic
check "has left nothing else" test -z "$(left)"
rm -r /srv/smbquic
deluser --quiet --system smbquic
echo "end"
