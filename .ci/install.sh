# shellcheck shell=bash
# Installs the programs that the steps need beside Go and git. Debian's packages go onto
# the machine, or below $WORK if the user may not install them. Python's packages always
# go below $WORK.

export PATH="$WORK/unpacked/bin:$PATH"

# need installs something, once a run: need c_compiler calls install_c_compiler.
needed=' '
need() {
	if [[ $needed != *" $1 "* ]]; then
		needed+="$1 "
		part "install ${1//_/ }" install "$1"
	fi
}

# install calls a function of this file, and says what to do if that fails.
install() {
	installer=install_$1
	trap '[ "$?" -eq 0 ] || echo "Install by hand what $installer in .ci/install.sh asks for, and run the step again."' EXIT
	"$installer"
}

# The race detector is linked with a C compiler. Debian's package gcc may be there without
# the C library's headers.
install_c_compiler() {
	local program='#include <stdlib.h>
int main(void) { return 0; }'
	${CC:-gcc} -x c -o "$WORK/compiled" - <<<"$program" || debian gcc libc6-dev
}

install_redis() { command -v redis-server || debian redis-server; } # it is also the sentinel

# Debian puts these two into /usr/sbin, which may not be on the user's PATH. Their own services
# are not started: the tests start the programs themselves.
install_pgbouncer() { command -v pgbouncer || ls /usr/sbin/pgbouncer || debian pgbouncer; }
install_mariadb() { command -v mariadbd || ls /usr/sbin/mariadbd || debian mariadb-server; }

install_postgresql() {
	command -v initdb || ls /usr/lib/postgresql/*/bin/initdb || debian postgresql
}

# Prometheus, with promtool, scrapes the metrics of recipes/promsecret.
install_prometheus() { { command -v prometheus && command -v promtool; } || debian prometheus; }

install_chromium() { command -v chromium || debian chromium fonts-dejavu-core; }

# axe-core looks for what keeps people from using a page. A package of PyPI brings its script. Pip is
# there after install_moto.
install_axe() {
	local pip=("$WORK/python/bin/pip")
	[ -x "${pip[0]}" ] || pip=(python3 -m pip)
	"${pip[@]}" download -q --no-deps -d "$WORK/axe" axe-playwright-python==0.1.8
	python3 -m zipfile -e "$WORK"/axe/*.whl "$WORK/axe"
}

install_shellcheck() { command -v shellcheck || debian shellcheck; }

# moto is an emulator of AWS, with which the module integration compares secrettest.
install_moto() { python 'moto[server]==5.2.5' moto_server; }

# ElasticMQ is an emulator of SQS. Maven copies it and its dependencies from Maven Central.
install_elasticmq() {
	command -v java || debian default-jre-headless
	command -v mvn || debian maven
	mvn -q -B -f integration/elasticmqtest/pom.xml dependency:copy-dependencies -DoutputDirectory="$WORK/elasticmq"
}

install_zizmor() { python zizmor==1.32.0 zizmor; }

# parliament lints IAM policies.
install_parliament() { python parliament==1.6.4 parliament; }

install_cfn_lint() { python cfn-lint==1.58.0 cfn-lint; }

# Terraform is in no registry of packages. The sum is the SHA-256 of the unpacked program.
install_terraform() {
	local version=1.11.4 sum=268000fca5c61021c6396893d9483007ba589ad9d0aaccbd7dfa8c78bf7dbe23
	command -v terraform && return
	python3 - "https://releases.hashicorp.com/terraform/$version/terraform_${version}_linux_amd64.zip" "$WORK/terraform.zip" <<-'PROGRAM'
		import sys, urllib.request
		urllib.request.urlretrieve(*sys.argv[1:])
	PROGRAM
	mkdir -p "$WORK/unpacked/bin"
	python3 -m zipfile -e "$WORK/terraform.zip" "$WORK/unpacked/bin"
	echo "$sum  $WORK/unpacked/bin/terraform" | sha256sum --check
	chmod +x "$WORK/unpacked/bin/terraform"
}

# python installs a package of PyPI below $WORK/python, and tries its program.
python() {
	local package=$1 program=$2
	python3 -c 'import ensurepip' || python3 -m pip --version || debian python3 python3-pip python3-venv
	if python3 -m venv "$WORK/python"; then
		"$WORK/python/bin/pip" install -q "$package"
	else # Debian without its package python3-venv
		PYTHONUSERBASE=$WORK/python python3 -m pip install -q --user --break-system-packages "$package"
	fi
	"$WORK/python/bin/$program" --help >/dev/null
}

# debian installs packages of Debian.
debian() {
	local sudo=() retry=(-o Acquire::Retries=3)
	echo "Debian's packages: $*"
	if [ "$(id -u)" -ne 0 ]; then
		if ! sudo -n true 2>/dev/null; then
			unpack "$@"
			return
		fi
		sudo=(sudo -n)
	fi
	"${sudo[@]}" apt-get "${retry[@]}" update -q
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "${retry[@]}" install -qy --no-install-recommends "$@"
}

# unpack unpacks packages into a directory of ours, if the user may not install them.
unpack() {
	local dir=$WORK/apt system=$WORK/unpacked/system deb program
	mkdir -p "$dir/lists/partial" "$dir/archives/partial" "$WORK/unpacked/bin" "$system"
	# Asks for all packages, as if none were installed: the linker looks for the C
	# library, too, below the compiler's own root.
	: >"$dir/status"
	local opts=(
		-o "Dir::State::status=$dir/status"
		-o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir" -o "Dir::Cache::archives=$dir/archives"
		-o Debug::NoLocking=true -o APT::Sandbox::User= -o Acquire::Retries=3
	)
	apt-get "${opts[@]}" update -q
	apt-get "${opts[@]}" install -qy --no-install-recommends --download-only "$@"
	for deb in "$dir"/archives/*.deb; do
		dpkg-deb -x "$deb" "$system"
	done
	for program in "$system"/usr/bin/{gcc,prometheus,promtool,redis-server,shellcheck} "$system"/usr/lib/chromium/chromium \
		"$system"/usr/lib/postgresql/*/bin/{initdb,postgres} "$system"/usr/sbin/{pgbouncer,mariadbd} \
		"$system"/usr/bin/mariadb-install-db; do
		if [ -e "$program" ]; then
			wrap "$program" "$system"
		fi
	done
}

# wrap makes a program callable that was unpacked below a directory.
wrap() {
	local program=$1 system=$2 name first='' flags=
	name=$(basename "$program")
	case $name in
	gcc) flags="--sysroot=\"$system\"" ;;
	mariadb*) # the first argument stays the first, since it is --defaults-file in the tests
		# shellcheck disable=SC2016 # the script that is written expands it
		first='first=$1; shift'
		flags="\"\$first\" --basedir=\"$system/usr\""
		;;
	esac
	cat >"$WORK/unpacked/bin/$name" <<-SCRIPT
		#!/bin/sh
		export PATH="$system/usr/bin:\$PATH"
		export LD_LIBRARY_PATH="$system/usr/lib/$(uname -m)-linux-gnu"
		$first
		exec "$program" $flags "\$@"
	SCRIPT
	chmod +x "$WORK/unpacked/bin/$name"
	"$WORK/unpacked/bin/$name" --version
}
