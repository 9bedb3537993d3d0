#!/bin/sh
# Makes a certificate for a server: certificate.sh FOLDER FILE NAME DAYS. It
# is FOLDER/FILE.pem, and its key FOLDER/FILE-key.pem.
#
# It is signed by an authority that lives in FOLDER (ca.pem, ca-key.pem),
# which is made first where there is none. With 0 days, the certificate has
# ended as soon as it is made.
set -eu
folder=$1 file=$2 name=$3 days=$4
umask 077
mkdir -p "$folder"
cd "$folder"
if [ ! -e ca.pem ]; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=authority of $(basename "$folder")" -keyout ca-key.pem -out ca.pem 2>/dev/null
fi
openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout "$file-key.pem" -out "$file.csr" 2>/dev/null
# Programs look at this list of names, and no longer at the one in the
# subject.
echo "subjectAltName=DNS:$name" > "$file.ext"
openssl x509 -req -in "$file.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days "$days" -extfile "$file.ext" -out "$file.pem" 2>/dev/null
rm "$file.csr" "$file.ext"
